// All styles of the dashboard as one constructed sheet: a page with a strict CSP lets it in, since it is no inline style.

import base from "../styles/base.css?inline";
import components from "../styles/components.css?inline";
import graph from "../styles/graph.css?inline";
import layout from "../styles/layout.css?inline";
import pages from "../styles/pages.css?inline";
import run from "../styles/run.css?inline";
import tokens from "../styles/tokens.css?inline";
import workflow from "../styles/workflow.css?inline";
import embed from "./embed.css?inline";

/** The shell follows the width of the element, not of the window around it. */
function byElement(css: string): string {
  // In whichever way the build has written the width.
  return css.replaceAll(/@media(?=\s*(?:not\s*)?\((?:max-|min-)?width)/g, "@container");
}

let made: CSSStyleSheet | undefined;

/** The one sheet that all components of a page share. */
export function sheet(): CSSStyleSheet {
  if (made === undefined) {
    made = new CSSStyleSheet();
    made.replaceSync([tokens, base, components, byElement(layout), pages, graph, run, workflow, embed].join("\n"));
  }
  return made;
}
