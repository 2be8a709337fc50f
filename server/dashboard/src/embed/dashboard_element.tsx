// <stellwerk-dashboard base-url namespace? theme?>: all pages of the dashboard inside of another page.

import { effect } from "@preact/signals";

import { Dashboard } from "../app.js";
import { memoryRouter } from "../router.js";
import { StellwerkElement } from "./element.js";

/** The dashboard; where one goes in it is a `stellwerk-state` event. */
export class StellwerkDashboard extends StellwerkElement {
  static readonly observedAttributes = ["base-url", "namespace"];
  private readonly router = memoryRouter("/");
  private stop: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = effect(() => this.tell({ path: this.router.place.value.path }));
  }

  override disconnectedCallback(): void {
    this.stop?.();
    super.disconnectedCallback();
  }

  protected view() {
    const namespace = this.getAttribute("namespace");
    return <Dashboard base={this.base} router={this.router} {...(namespace ? { namespace } : {})} />;
  }
}
