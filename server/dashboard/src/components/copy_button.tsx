// Puts a text into the clipboard and says so for a moment.

import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.js";
import { toast } from "./toasts.js";

export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [isDone, setIsDone] = useState(false);
  useEffect(() => {
    if (!isDone) return undefined;
    const timer = setTimeout(() => setIsDone(false), 1500);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = () => {
    navigator.clipboard.writeText(typeof text === "string" ? text : text()).then(
      () => setIsDone(true),
      () => toast("The browser did not allow copying", "bad"),
    );
  };
  return (
    <button type="button" class="button quiet small icon-only" aria-label={label} title={label} onClick={copy}>
      <Icon name={isDone ? "check" : "copy"} size={14} />
    </button>
  );
}
