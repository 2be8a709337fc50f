// What one can do about a single step: send the signal it waits for, requeue it, have the code decided again.

import { useState } from "preact/hooks";

import type { Step } from "../../api/types.js";
import { Icon } from "../../components/icon.js";
import { toast, toastError } from "../../components/toasts.js";
import { to, useRouter } from "../../router.js";
import { useSession } from "../../session.js";
import { SignalDialog } from "./signal_dialog.js";
import type { RunStore } from "./store.js";

/** Opens the dialog for the signal of this name. */
export function SignalButton({ store, name }: { store: RunStore; name: string }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button type="button" class="button small" onClick={() => setIsOpen(true)}><Icon name="signal" size={14} /> Send signal</button>
      {isOpen ? <SignalDialog store={store} name={name} onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

/** Has the parked run of a code workflow decided again. */
export function ResumeButton({ store }: { store: RunStore }) {
  const { api } = useSession();
  const runId = store.picture?.run.run_id ?? "";
  const resume = () => {
    store.act("", "RUNNING", () => api.resume(runId)).then(
      () => toast("The run goes on"),
      (error: unknown) => toastError("The run was not resumed", error),
    );
  };
  return (
    <button type="button" class="button" disabled={store.expected.get("") !== undefined} onClick={resume}>
      <Icon name="runs" size={14} /> Resume
    </button>
  );
}

/** Takes a dead step out of the dead letters: a blocked run goes on, an ended one goes on as a fork. */
export function RequeueButton({ store, step }: { store: RunStore; step: Step }) {
  const { api } = useSession();
  const router = useRouter();
  const runId = store.picture?.run.run_id ?? "";
  const requeue = async () => {
    const { dead_letters = [] } = await api.deadLetters({ run_id: runId, state: ["OPEN"], page_size: 500 });
    const letter = dead_letters.find((each) => each.step === step.step);
    if (letter === undefined) throw new Error("its dead letter is no longer open");
    return api.requeue(letter.dead_letter_id);
  };
  const act = () => {
    store.act(step.step, "READY", requeue).then(
      ({ run_id }) => {
        toast(run_id === runId ? "The step is tried again" : "Goes on as a new run");
        if (run_id !== runId) router.go(to.run(run_id));
      },
      (error: unknown) => toastError("The step was not requeued", error),
    );
  };
  return (
    <button type="button" class="button small" disabled={store.expected.get(step.step) !== undefined} onClick={act}>
      <Icon name="retry" size={14} /> Requeue
    </button>
  );
}
