// Keys of a page: letters and Escape, when nobody is typing and no dialog is open.

import { useEffect, useRef } from "preact/hooks";

type Keys = Partial<Record<string, () => void>>;

export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTaken(event)) return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

// Enter on a link or a button is theirs, letters in a field are text.
function isTaken(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog")) return true;
  if (target.matches("input:not([type=checkbox]), textarea, select") || target.isContentEditable) return true;
  return (event.key === "Enter" || event.key === " ") && target.matches("a, button, input");
}
