// An action on many things: asks once, shows how far it is, and names what was refused.

import { useRef, useState } from "preact/hooks";
import { asApiError } from "../api/problem.js";
import { actOnMany, type BulkProgress } from "../store/bulk.js";
import { ConfirmDialog, Dialog } from "./dialog.js";

export interface BulkAction {
  title: string;
  verb: string;
  text: string;
  isDanger?: boolean;
  asksReason?: boolean;
  keys: readonly string[];
  act: (key: string, reason: string) => Promise<unknown>;
}

/** Open while `action` is there; `onDone` is called when it is over or was not wanted. */
export function BulkDialog({ action, onDone }: { action: BulkAction; onDone: (didAct: boolean) => void }) {
  const [progress, setProgress] = useState<BulkProgress>();
  const stop = useRef<() => void>(() => undefined);
  const isBegun = useRef(false);
  const begin = (reason: string) => {
    isBegun.current = true;
    setProgress({ total: action.keys.length, done: 0, failures: [], isStopped: false });
    const bulk = actOnMany(action.keys, (key) => action.act(key, reason), setProgress);
    stop.current = bulk.stop;
    void bulk.finished.then((result) => {
      if (result.failures.length === 0 && !result.isStopped) onDone(true);
      else setProgress(result);
    });
  };
  if (progress) return <Progress action={action} progress={progress} stop={stop.current} onDone={() => onDone(true)} />;
  return (
    <ConfirmDialog
      title={action.title}
      verb={action.verb}
      isDanger={action.isDanger ?? false}
      asksReason={action.asksReason ?? false}
      onConfirm={begin}
      onClose={() => {
        if (!isBegun.current) onDone(false);
      }}
    >
      <p>{action.text}</p>
    </ConfirmDialog>
  );
}

interface ProgressProps {
  action: BulkAction;
  progress: BulkProgress;
  stop: () => void;
  onDone: () => void;
}

function Progress({ action, progress, stop, onDone }: ProgressProps) {
  const { done, total, failures, isStopped } = progress;
  const isOver = isStopped || done === total;
  const label = `${done} of ${total} done${failures.length ? `, ${failures.length} refused` : ""}`;
  return (
    <Dialog title={action.title} onClose={isOver ? onDone : stop}>
      <p role="status">{label}</p>
      <div class="progress" role="progressbar" aria-label={action.title} aria-valuemin={0} aria-valuemax={total} aria-valuenow={done}>
        <div style={{ width: `${total ? (100 * done) / total : 100}%` }} />
      </div>
      {failures.length > 0 && (
        <ul class="refusals">
          {failures.slice(0, 50).map(({ key, error }) => (
            <li key={key}>
              <code>{key}</code> {asApiError(error).message}
            </li>
          ))}
        </ul>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={isOver ? onDone : stop}>
          {isOver ? "Close" : "Stop"}
        </button>
      </div>
    </Dialog>
  );
}
