// Modal dialogs on the browser's own <dialog>: it traps the focus, closes with Escape and gives the focus back.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

interface DialogProps {
  title: string;
  onClose: () => void;
  /** For what is read rather than decided. */
  isWide?: boolean;
  children: ComponentChildren;
}

/** Open while it is rendered; `onClose` must take it away. */
export function Dialog({ title, onClose, isWide = false, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const outside = (event: MouseEvent) => {
    if (event.target === ref.current) onClose();
  };
  // Whoever opened it decides whether it may close; the browser's own closing is only asked for.
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog class={`dialog${isWide ? " wide" : ""}`} ref={ref} aria-labelledby={id} onCancel={cancel} onClose={onClose} onMouseDown={outside}>
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  verb: string;
  isDanger?: boolean;
  /** Asks for a reason, which is kept in the history. */
  asksReason?: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
  children?: ComponentChildren;
}

export function ConfirmDialog({ title, verb, isDanger = false, asksReason = false, onConfirm, onClose, children }: ConfirmProps) {
  const [reason, setReason] = useState("");
  const confirm = () => {
    onConfirm(reason.trim());
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {asksReason && (
        <label class="field">
          <span>Reason (kept in the history)</span>
          <input class="input" value={reason} maxLength={500} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          Keep as it is
        </button>
        <button type="button" class={`button ${isDanger ? "danger" : "primary"}`} onClick={confirm}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
