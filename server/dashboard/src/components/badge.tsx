// A state as a badge: icon, word and tone. `expected` marks one that an action asked for and no event has confirmed yet.

import { Icon } from "./icon.js";
import { lookOf } from "./states.js";

export function StateBadge({ state, expected = false, label }: { state: string; expected?: boolean; label?: string }) {
  const look = lookOf(state);
  const title = expected ? "Asked for, not confirmed yet" : undefined;
  return (
    <span class={`badge tone-${look.tone}${expected ? " expected" : ""}`} title={title}>
      <Icon name={look.icon} size={12} class={look.isMoving ? "spin" : undefined} />
      {label ?? look.label}
    </span>
  );
}
