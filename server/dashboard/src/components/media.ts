// Whether the window is as narrow as a phone, for what CSS alone cannot do (the height of virtual rows).

import { signal } from "@preact/signals";

const query = matchMedia("(width <= 52rem)");

/** As a signal: reading it in a component draws that again when it changes. */
export const isNarrow = signal(query.matches);
query.addEventListener("change", () => (isNarrow.value = query.matches));
