// The first thing on the first page: what needs somebody, or that nothing does.

import type { Overview, Queue } from "../../api/types.js";
import { Icon } from "../../components/icon.js";
import { Link } from "../../router.js";
import { concernsOf } from "./concerns.js";

export function Attention({ overview, queues }: { overview: Overview | undefined; queues: readonly Queue[] | undefined }) {
  if (!overview) return <div class="attention calm skeleton" aria-hidden="true" />;
  const concerns = concernsOf(overview, queues);
  if (concerns.length === 0) {
    return (
      <section class="attention calm tone-good" aria-label="Needs attention">
        <Icon name="check" />
        <strong>All is well.</strong>
        <span>Nothing waits for anybody.</span>
      </section>
    );
  }
  return (
    <section aria-label="Needs attention">
      <ul class="attention">
        {concerns.map((concern) => (
          <li key={concern.title.replace(/[\d,]+/, "")} class={`tone-${concern.tone}`}>
            <Link to={concern.link} class="concern">
              <Icon name={concern.icon} size={18} />
              <span>
                <strong>{concern.title}</strong>
                <span class="muted">{concern.text}</span>
              </span>
              <Icon name="right" size={14} />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
