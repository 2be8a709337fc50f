// Puts the interactive description of the API beside the built pages: swagger-ui's own files and our two.
// Runs after `vite build`, and needs no network.

import { copyFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const here = import.meta.dirname;
const target = resolve(here, "../../src/stellwerk_server/web/static/docs");
const library = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

mkdirSync(target, { recursive: true });
for (const name of ["swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "LICENSE", "NOTICE"]) {
  copyFileSync(join(library, name), join(target, name));
}
for (const name of ["index.html", "docs.js"]) {
  copyFileSync(join(here, "../docs", name), join(target, name));
}
