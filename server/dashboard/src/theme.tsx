// Dark, light, or what the system says. The choice stands on the root element, where the styles look for it.

import { signal } from "@preact/signals";
import { Icon, type IconName } from "./components/icon.js";
import { recall, remember } from "./components/remembered.js";

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const ICONS: Record<Theme, IconName> = { system: "auto", light: "sun", dark: "moon" };

const theme = signal<Theme>(THEMES.find((each) => each === recall("stellwerk.theme")) ?? "system");

function choose(next: Theme): void {
  theme.value = next;
  remember("stellwerk.theme", next);
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

export function ThemeSwitch() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  const label = `Theme: ${theme.value}. Change to ${next}.`;
  return (
    <button type="button" class="button quiet small icon-only" aria-label={label} title={label} onClick={() => choose(next)}>
      <Icon name={ICONS[theme.value]} />
    </button>
  );
}
