// What the current attempt of a step streams, as it comes. Text runs on like on a terminal; other values stand in lines.

import { useLayoutEffect, useRef } from "preact/hooks";

import { CopyButton } from "../../components/copy_button.js";
import type { Stream } from "./projection.js";

/** Stays at the end while somebody reads at the end. */
export function StreamView({ stream, isRunning }: { stream: Stream; isRunning: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  const last = stream.chunks.at(-1)?.sequence ?? 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [last]);
  const look = (event: Event) => {
    const element = event.currentTarget as HTMLElement;
    isAtEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - 8;
  };
  const text = textOf(stream);
  return (
    <section class="part">
      <h3>
        Stream <span class="muted">attempt {stream.attempt}, {last.toLocaleString("en")} {last === 1 ? "chunk" : "chunks"}</span>
        {isRunning ? <span class="live tone-good">live</span> : null}
        <CopyButton text={text} label="Copy what was streamed" />
      </h3>
      {stream.dropped > 0 ? <p class="muted">The first {stream.dropped.toLocaleString("en")} chunks are not kept on this page.</p> : null}
      <pre class="stack stream" ref={box} tabIndex={0} role="log" aria-label="What the step streams" onScroll={look}>{text}</pre>
    </section>
  );
}

/** The chunks as one text. */
export function textOf(stream: Stream): string {
  const isText = stream.chunks.every((chunk) => typeof chunk.payload === "string");
  return isText
    ? stream.chunks.map((chunk) => chunk.payload as string).join("")
    : stream.chunks.map((chunk) => JSON.stringify(chunk.payload ?? null)).join("\n");
}
