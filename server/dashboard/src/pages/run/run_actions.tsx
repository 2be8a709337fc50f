// What one can do to a run as a whole. Each asks first when it cannot be undone, shows at once, and is taken back when refused.

import { useState } from "preact/hooks";

import type { Run, RunState } from "../../api/types.js";
import { ConfirmDialog } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { toast, toastError } from "../../components/toasts.js";
import { to, useRouter } from "../../router.js";
import { useSession } from "../../session.js";
import { isEnded } from "../../store/run_events.js";
import { SignalDialog } from "./signal_dialog.js";
import { ResumeButton } from "./step_actions.js";
import type { RunStore } from "./store.js";

type Asked = "cancel" | "terminate" | "retry" | "signal";

/** Cancel, terminate, signal, resume of an open run; retry of one that has ended. */
export function RunActions({ store, run }: { store: RunStore; run: Run }) {
  const [asked, setAsked] = useState<Asked>();
  const isOver = isEnded(run.state);
  const isBusy = store.expected.get("") !== undefined;
  const close = () => setAsked(undefined);
  return (
    <div class="actions">
      {isOver ? (
        <button type="button" class="button" disabled={run.state === "CONTINUED"} onClick={() => setAsked("retry")}>
          <Icon name="retry" size={14} /> Retry
        </button>
      ) : (
        <>
          {run.state === "BLOCKED" && !hasDead(store) ? <ResumeButton store={store} /> : null}
          <button type="button" class="button" onClick={() => setAsked("signal")}><Icon name="signal" size={14} /> Signal</button>
          <button type="button" class="button" disabled={isBusy} onClick={() => setAsked("cancel")}><Icon name="stop" size={14} /> Cancel</button>
          <button type="button" class="button danger" disabled={isBusy} onClick={() => setAsked("terminate")}>Terminate</button>
        </>
      )}
      {asked === "signal" ? <SignalDialog store={store} name={awaited(store)} onClose={close} /> : null}
      {asked === "cancel" || asked === "terminate" ? <EndDialog {...{ store, run, verb: asked, onClose: close }} /> : null}
      {asked === "retry" ? <RetryDialog {...{ store, run, fromStep: "", onClose: close }} /> : null}
    </div>
  );
}

/** A run is blocked by a dead step, which is requeued, or by its code, which is resumed. */
export function hasDead(store: RunStore): boolean {
  return [...(store.picture?.steps.values() ?? [])].some((step) => step.state === "DEAD" || (step.item_states?.["DEAD"] ?? 0) > 0);
}

/** The signal a step waits for, when there is one. */
function awaited(store: RunStore): string {
  for (const step of store.picture?.steps.values() ?? []) {
    if (step.kind === "signal" && step.state === "WAITING") return step.signal || step.step;
  }
  return "";
}

const ENDS: Record<"cancel" | "terminate", { state: RunState; title: string; verb: string; text: string }> = {
  cancel: {
    state: "CANCELLED",
    title: "Cancel this run?",
    verb: "Cancel the run",
    text: "Nothing new is handed out, and running handlers are told. A workflow of code may clean up first.",
  },
  terminate: {
    state: "TERMINATED",
    title: "Terminate this run?",
    verb: "Terminate the run",
    text: "It ends at once. Nobody is asked, nothing is cleaned up, and what handlers still send is refused.",
  },
};

function EndDialog({ store, run, verb, onClose }: { store: RunStore; run: Run; verb: "cancel" | "terminate"; onClose: () => void }) {
  const { api } = useSession();
  const { state, title, verb: button, text } = ENDS[verb];
  const confirm = (reason: string) => {
    store.act("", state, () => (verb === "cancel" ? api.cancel(run.run_id, reason) : api.terminate(run.run_id, reason))).then(
      () => toast(verb === "cancel" ? "Cancel asked for" : "Run terminated"),
      (error: unknown) => toastError(`The run was not ${verb === "cancel" ? "cancelled" : "terminated"}`, error),
    );
  };
  return (
    <ConfirmDialog title={title} verb={button} isDanger asksReason onConfirm={confirm} onClose={onClose}>
      <p>{text}</p>
    </ConfirmDialog>
  );
}

/** Forks the run; with a step, what comes before it is kept as it was. */
export function RetryDialog({ store, run, fromStep, onClose }: { store: RunStore; run: Run; fromStep: string; onClose: () => void }) {
  const { api } = useSession();
  const router = useRouter();
  const [requestId] = useState(store.newId);
  const confirm = () => {
    api.retry(run.run_id, fromStep, requestId).then(
      ({ run_id }) => {
        toast("Goes on as a new run");
        router.go(to.run(run_id));
      },
      (error: unknown) => toastError("The run was not retried", error),
    );
  };
  return (
    <ConfirmDialog title={fromStep === "" ? "Retry this run?" : `Retry from ${fromStep}?`} verb="Start the new run" onConfirm={confirm} onClose={onClose}>
      <p>
        {fromStep === ""
          ? "A new run keeps every step that has succeeded and does the others again. This one stays as it is."
          : "A new run does this step and all that need it again, and keeps the others. This one stays as it is."}
      </p>
    </ConfirmDialog>
  );
}
