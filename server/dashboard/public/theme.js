// Before the first paint, so that who chose a theme never sees the other one flash.
try {
  const theme = localStorage.getItem("stellwerk.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's preference holds.
}
