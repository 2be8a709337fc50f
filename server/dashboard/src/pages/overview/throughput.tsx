// Runs of the last hour by minute: how they ended as bars, how many started as a line.

import { useState } from "preact/hooks";
import type { Activity, Overview } from "../../api/types.js";
import { absoluteText } from "../../components/moments.js";
import { isUtc } from "../../components/time.js";
import { lastHour, MINUTES, roundUp, totals } from "./minutes.js";

const HEIGHT = 120;
const SLOT = 10;
const WIDTH = MINUTES * SLOT;
const ENDS = [
  ["succeeded", "good", "Succeeded"],
  ["failed", "bad", "Failed"],
  ["ended_otherwise", "neutral", "Ended otherwise"],
] as const;

export function Throughput({ overview }: { overview: Overview | undefined }) {
  const [pointed, setPointed] = useState<number>();
  const minutes = overview ? lastHour(overview.activity ?? [], overview.now) : [];
  const top = roundUp(Math.max(1, ...minutes.map((minute) => Math.max(minute.started, endedIn(minute)))));
  const sum = totals(minutes);
  const label = `Runs of the last hour: ${sum.started} started, ${sum.succeeded} succeeded, ${sum.failed} failed.`;
  return (
    <section class="card" aria-label="Throughput">
      <header>
        <h2>Runs per minute, last hour</h2>
        <Legend minute={pointed === undefined ? undefined : minutes[pointed]} />
      </header>
      <div class="body chart">
        <div class="chart-scale" aria-hidden="true">
          <span>{top.toLocaleString("en")}</span>
          <span>{top % 2 === 0 ? (top / 2).toLocaleString("en") : ""}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label} onPointerLeave={() => setPointed(undefined)}>
          <Grid />
          {minutes.map((minute, index) => (
            <Minute key={minute.time} minute={minute} index={index} top={top} isPointed={pointed === index} point={() => setPointed(index)} />
          ))}
          <polyline class="started" points={line(minutes, top)} vector-effect="non-scaling-stroke" />
        </svg>
        <div class="chart-axis" aria-hidden="true">
          <span>60 min ago</span>
          <span>30 min</span>
          <span>now</span>
        </div>
      </div>
    </section>
  );
}

function Grid() {
  return (
    <>
      {[0, 0.5, 1].map((part) => (
        <line key={part} class="grid" x1={0} x2={WIDTH} y1={HEIGHT * part} y2={HEIGHT * part} vector-effect="non-scaling-stroke" />
      ))}
    </>
  );
}

interface MinuteProps {
  minute: Activity;
  index: number;
  top: number;
  isPointed: boolean;
  point: () => void;
}

function Minute({ minute, index, top, isPointed, point }: MinuteProps) {
  let below = HEIGHT;
  return (
    <g class={isPointed ? "pointed" : undefined} onPointerEnter={point}>
      <rect class="slot" x={index * SLOT} y={0} width={SLOT} height={HEIGHT} />
      {ENDS.map(([name, tone]) => {
        const height = (HEIGHT * minute[name]) / top;
        below -= height;
        return <rect key={name} class={`bar tone-${tone}`} x={index * SLOT + 1.5} y={below} width={SLOT - 3} height={height} />;
      })}
    </g>
  );
}

function Legend({ minute }: { minute: Activity | undefined }) {
  const when = minute && absoluteText(Date.parse(minute.time), isUtc.value).slice(11, 16);
  return (
    <div class="legend">
      {when && <strong>{when}</strong>}
      <span class="legend-line">Started{minute && ` ${minute.started}`}</span>
      {ENDS.map(([name, tone, title]) => (
        <span key={name} class={`legend-box tone-${tone}`}>
          {title}
          {minute && ` ${minute[name]}`}
        </span>
      ))}
    </div>
  );
}

function endedIn(minute: Activity): number {
  return minute.succeeded + minute.failed + minute.ended_otherwise;
}

function line(minutes: readonly Activity[], top: number): string {
  return minutes.map((minute, index) => `${index * SLOT + SLOT / 2},${HEIGHT - (HEIGHT * minute.started) / top}`).join(" ");
}
