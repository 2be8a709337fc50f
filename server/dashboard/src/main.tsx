// The server's own pages: the dashboard at the address the browser is at.

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/layout.css";
import "./styles/pages.css";
import { render } from "preact";
import { Dashboard } from "./app.js";
import { historyRouter } from "./router.js";

const root = document.getElementById("app");
if (root) render(<Dashboard base="" router={historyRouter()} />, root);
