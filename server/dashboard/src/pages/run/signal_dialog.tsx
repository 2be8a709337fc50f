// Tells a run something by name. The same dialog sends the same signal once, however often it is pressed.

import { useState } from "preact/hooks";

import { asApiError } from "../../api/problem.js";
import type { Json } from "../../api/types.js";
import { Dialog } from "../../components/dialog.js";
import { ErrorNotice } from "../../components/feedback.js";
import { toast } from "../../components/toasts.js";
import { useSession } from "../../session.js";
import type { RunStore } from "./store.js";

/** Name and JSON payload; what the server refuses is shown where it was typed. */
export function SignalDialog({ store, name: wanted, onClose }: { store: RunStore; name: string; onClose: () => void }) {
  const { api } = useSession();
  const [name, setName] = useState(wanted);
  const [text, setText] = useState("");
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const [signalId] = useState(store.newId);
  const payload = parsed(text);
  const send = (event: Event) => {
    event.preventDefault();
    if (payload.problem !== "" || name.trim() === "") return;
    setIsBusy(true);
    api.signal(store.picture?.run.run_id ?? "", { name: name.trim(), signal_id: signalId, ...(payload.value === undefined ? {} : { payload: payload.value }) }).then(
      () => {
        toast(`Signal ${name} sent`);
        onClose();
      },
      (thrown: unknown) => {
        setError(thrown);
        setIsBusy(false);
      },
    );
  };
  return (
    <Dialog title="Send a signal" onClose={onClose}>
      <form class="stack-gap" onSubmit={send}>
        <label class="field">
          <span>Name</span>
          <input class="input" value={name} required spellcheck={false} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Payload (JSON; empty for none)</span>
          <textarea class="input" rows={6} value={text} spellcheck={false} placeholder={'{"approved": true}'} aria-invalid={payload.problem !== ""} onInput={(event) => setText(event.currentTarget.value)} />
          {payload.problem === "" ? null : <span class="problem" role="status">{payload.problem}</span>}
        </label>
        {error === undefined ? null : <ErrorNotice error={asApiError(error)} />}
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>Close</button>
          <button type="submit" class="button primary" disabled={isBusy || payload.problem !== "" || name.trim() === ""}>Send</button>
        </div>
      </form>
    </Dialog>
  );
}

function parsed(text: string): { value?: Json; problem: string } {
  if (text.trim() === "") return { problem: "" };
  try {
    return { value: JSON.parse(text) as Json, problem: "" };
  } catch (error) {
    return { problem: `No JSON yet: ${error instanceof Error ? error.message : String(error)}` };
  }
}
