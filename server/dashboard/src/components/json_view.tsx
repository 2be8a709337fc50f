// A payload, as text nodes only. What is long is folded until somebody asks for it.

import { useMemo, useState } from "preact/hooks";
import type { Json } from "../api/types.js";
import { CopyButton } from "./copy_button.js";
import { piecesOf, type Piece } from "./json_lines.js";

/** `label` names the region for who cannot see it. Absent values show as a dash. */
export function JsonView({ value, label }: { value: Json | undefined; label: string }) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const pieces = useMemo(() => (value === undefined ? [] : piecesOf(value, opened)), [value, opened]);
  if (value === undefined) return <span class="muted">–</span>;
  const open = (path: string) => setOpened(new Set([...opened, path]));
  return (
    <div class="json">
      <div class="tools">
        <CopyButton text={() => JSON.stringify(value, null, 2)} label={`Copy ${label}`} />
      </div>
      <pre tabIndex={0} role="region" aria-label={label}>
        {pieces.map((piece, index) => (
          <PieceView key={index} piece={piece} open={open} />
        ))}
      </pre>
    </div>
  );
}

function PieceView({ piece, open }: { piece: Piece; open: (path: string) => void }) {
  if (piece.kind === "plain") return <>{piece.text}</>;
  if (piece.kind !== "fold") return <span class={piece.kind}>{piece.text}</span>;
  return (
    <button type="button" class="fold" onClick={() => open(piece.path ?? "")}>
      … {piece.text}
    </button>
  );
}
