// What a page does with the two elements: loads them from the server it was told of, says which run, listens.

const asked = new URLSearchParams(location.search);
const server = asked.get("server") ?? "http://127.0.0.1:7401";
const dashboard = document.querySelector("stellwerk-dashboard");
const run = document.querySelector("stellwerk-run");
const state = document.querySelector("#state");
const choose = document.querySelector("#choose");

for (const element of [dashboard, run]) element.setAttribute("base-url", server);
show(asked.get("run") ?? "");
await import(new URL("/embed/stellwerk.js", server).href);

choose.addEventListener("submit", (event) => {
  event.preventDefault();
  show(new FormData(choose).get("run").trim());
});

document.addEventListener("stellwerk-state", ({ detail }) => {
  if (detail.state !== undefined) state.textContent = `${detail.workflow} ${detail.run_id} is ${detail.state}`;
  // Whoever opens a run in the dashboard sees it beside it, too.
  const opened = /^\/runs\/(run_\w+)$/.exec(detail.path ?? "");
  if (opened !== null) show(opened[1]);
});

function show(runId) {
  run.setAttribute("run-id", runId);
  choose.elements.run.value = runId;
}
