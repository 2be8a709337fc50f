// What the web components share: a shadow root with our styles, drawn again when an attribute changes, taken down when it goes.
// It must touch nothing of the page around it.

import { render } from "preact";
import type { VNode } from "preact";

import { sheet } from "./sheets.js";

/** An element that draws itself with Preact. */
export abstract class StellwerkElement extends HTMLElement {
  private readonly root = this.attachShadow({ mode: "open" });
  private isQueued = false;

  /** What is shown with the attributes as they are. */
  protected abstract view(): VNode;

  connectedCallback(): void {
    this.root.adoptedStyleSheets = [sheet()];
    this.draw();
  }

  disconnectedCallback(): void {
    render(null, this.root);
  }

  attributeChangedCallback(): void {
    this.draw();
  }

  /** The server's address without a slash at its end; "" is the page's own. */
  protected get base(): string {
    return (this.getAttribute("base-url") ?? "").replace(/\/+$/, "");
  }

  /** Tells the page: `stellwerk-state`, with what it is about as its detail. */
  protected tell(detail: object): void {
    this.dispatchEvent(new CustomEvent("stellwerk-state", { detail, bubbles: true, composed: true }));
  }

  // Several attributes set one after the other are one drawing.
  private draw(): void {
    if (this.isQueued) return;
    this.isQueued = true;
    queueMicrotask(() => {
      this.isQueued = false;
      if (this.isConnected) render(this.view(), this.root);
    });
  }
}
