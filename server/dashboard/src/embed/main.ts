// The file other pages load: it defines the two elements and nothing else.

import { StellwerkDashboard } from "./dashboard_element.js";
import { StellwerkRun } from "./run_element.js";

if (customElements.get("stellwerk-run") === undefined) customElements.define("stellwerk-run", StellwerkRun);
if (customElements.get("stellwerk-dashboard") === undefined) customElements.define("stellwerk-dashboard", StellwerkDashboard);
