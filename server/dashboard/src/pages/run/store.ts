// Keeps the picture of one run current: reads it once, folds what the live connection brings, and says when to draw.
// Hand-outs are no events, so ready steps are looked at again a few times after they became ready; nothing else is asked twice.

import { signal } from "@preact/signals";

import { newId } from "../../api/client.js";
import { asApiError } from "../../api/problem.js";
import type { ApiError } from "../../api/problem.js";
import type { Chunk, Explanation, Json, Run, RunEvent, RunState, Step, StepFilter, StepState } from "../../api/types.js";
import type { Frame } from "../../live/connection.js";
import type { Session } from "../../session.js";
import { Optimistic } from "../../store/optimistic.js";
import { Reread } from "../../store/reread.js";
import { isEnded } from "../../store/run_events.js";
import { addChunk, addSteps, evolve, pictureOf, positionOf, refresh, resetStream } from "./projection.js";
import type { Picture } from "./projection.js";

const PAGE = 10_000;
/** So many steps are drawn at once; a run of code may have thousands more, which follow. */
const FIRST_PAGE = 500;
/** After a step became ready: when to look who has taken it. */
const LOOKS_MS = [300, 1_500, 5_000, 15_000];
/** A request may have 200 parameters. */
const MOST_LOOKED_AT = 150;

/** One run, live. */
export class RunStore {
  /** Goes up when there is something new to draw, at most once a frame. */
  readonly version = signal(0);
  /** What actions have asked for and no event has confirmed: of the run under "", of a step under its id. */
  readonly expected = new Optimistic<RunState | StepState>();
  /** Events that came since the page was opened, oldest first: the history's newest part. */
  readonly events: RunEvent[] = [];
  picture: Picture | undefined;
  /** The definition the run is on; undefined while it is not read. */
  definition: Record<string, Json> | undefined;
  /** What the server says the run waits for, of a moment ago; undefined once it has ended. */
  explanation: Explanation | undefined;
  error: ApiError | undefined;
  private readonly reread = new Reread(() => void this.explain());
  private readonly session: Session;
  private readonly runId: string;
  private readonly abort = new AbortController();
  private unsubscribe: (() => void) | undefined;
  private frame = 0;
  private readings = 0;
  private lookTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, runId: string) {
    this.session = session;
    this.runId = runId;
  }

  /** Reads the run and follows it until `close`. */
  async open(): Promise<void> {
    const { signal } = this.abort;
    try {
      const [run, first] = await Promise.all([this.session.api.run(this.runId, { signal }), this.page({ page_size: FIRST_PAGE })]);
      const picture = pictureOf(run, first.steps ?? [], first.sequence);
      this.picture = picture;
      this.error = undefined;
      this.follow(positionOf(picture));
      this.lookLater(0);
      this.reread.changed();
      this.draw();
      void this.readOn(first.next_page_token).catch((error: unknown) => this.failed(error));
      this.definition = (await this.session.api.workflow(run.workflow, run.version, { signal })).definition;
    } catch (error) {
      this.failed(error);
    }
    this.draw();
  }

  private failed(error: unknown): void {
    const { signal } = this.abort;
    if (signal.aborted) return;
    this.error = asApiError(error);
    if (this.error.isAway) setTimeout(() => void (signal.aborted || this.open()), 2_000);
    this.draw();
  }

  /** The steps behind the first page; drawing makes a new picture, so that of the moment is asked for each time. */
  private async readOn(next: string | undefined): Promise<void> {
    const reading = ++this.readings;
    const pages = [...(this.picture?.steps.keys() ?? [])];
    for (let token = next; token; ) {
      const page = await this.page({ page_size: PAGE, page_token: token });
      if (this.picture === undefined || reading !== this.readings) return;
      const steps = page.steps ?? [];
      addSteps(this.picture, pages, steps, page.sequence);
      pages.push(...steps.map((step) => step.step));
      token = page.next_page_token;
      this.draw();
    }
  }

  private page(query: StepFilter) {
    return this.session.api.steps(this.runId, { ...query, omit_items: true }, { signal: this.abort.signal });
  }

  close(): void {
    this.abort.abort();
    this.unsubscribe?.();
    clearTimeout(this.lookTimer);
    this.reread.stop();
    cancelAnimationFrame(this.frame);
  }

  /** Reads the attempts of all steps, which only the timeline needs. */
  async readAttempts(): Promise<void> {
    const { steps, sequence } = await this.everyStep({ attempts: true });
    if (this.picture !== undefined) refresh(this.picture, steps, sequence);
    this.draw();
  }

  /** A command whose effect shows at once and is confirmed or taken back by what comes. */
  act<T>(key: string, expected: RunState | StepState, action: () => Promise<T>): Promise<T> {
    const done = this.expected.act(key, expected, action);
    this.draw();
    return done.finally(() => this.draw());
  }

  get isOver(): boolean {
    return this.picture !== undefined && isEnded(this.picture.run.state);
  }

  /** An id for a command that is safe to send again. */
  readonly newId = newId;

  private async everyStep(query: { attempts?: boolean } = {}): Promise<{ steps: Step[]; sequence: number }> {
    const steps: Step[] = [];
    let sequence: number | undefined;
    let token: string | undefined;
    do {
      const page = await this.page({ ...query, page_size: PAGE, ...(token === undefined ? {} : { page_token: token }) });
      steps.push(...(page.steps ?? []));
      sequence ??= page.sequence;
      token = page.next_page_token;
    } while (token !== undefined && token !== "");
    return { steps, sequence };
  }

  private follow(after: number): void {
    this.unsubscribe?.();
    const wish = { subscribe: "run" as const, run_id: this.runId, after: String(after), chunks: true };
    this.unsubscribe = this.session.live.subscribe(wish, {
      frames: (frames) => this.take(frames),
      failed: (problem) => {
        this.error = asApiError(new Error(problem.detail));
        this.draw();
      },
    });
  }

  private take(frames: readonly Frame[]): void {
    const picture = this.picture;
    if (picture === undefined) return;
    let becameReady = false;
    for (const frame of frames) {
      if (frame.event === "event") {
        const event = frame.data as RunEvent;
        if (!evolve(picture, event)) continue;
        this.events.push(event);
        this.expected.settle(event.step ?? "");
        if (event.type.startsWith("RUN_")) this.expected.settle("");
        becameReady ||= event.type === "STEP_SCHEDULED" || event.type === "STEP_EXPANDED";
      } else if (frame.event === "chunk") addChunk(picture, frame.data as Chunk);
      else if (frame.event === "reset") {
        const { step, attempt } = frame.data as { step: string; attempt: number };
        resetStream(picture, step, attempt);
      }
    }
    if (becameReady) this.lookLater(0);
    if (frames.some((frame) => frame.event === "event")) this.reread.changed();
    this.draw();
  }

  /** Asks what the run waits for. Without an answer the page says what it knows by itself. */
  private async explain(): Promise<void> {
    const { signal } = this.abort;
    try {
      this.explanation = this.isOver ? undefined : await this.session.api.explain(this.runId, { signal });
    } catch {
      this.explanation = undefined;
    }
    this.draw();
  }

  private lookLater(turn: number): void {
    clearTimeout(this.lookTimer);
    const wait = LOOKS_MS[turn];
    if (wait === undefined || this.isOver) return;
    this.lookTimer = setTimeout(() => void this.look(turn), wait);
  }

  /** Asks who has taken the steps that are ready; again later while some still are. */
  private async look(turn: number): Promise<void> {
    const wanted = this.movable();
    if (wanted.length === 0 || this.picture === undefined) return;
    try {
      const page = await this.session.api.steps(this.runId, { step: wanted, omit_items: true, page_size: PAGE }, { signal: this.abort.signal });
      refresh(this.picture, page.steps ?? [], page.sequence);
      const run = await this.session.api.run(this.runId, { signal: this.abort.signal });
      this.takeWaiting(run);
      this.reread.changed();
      this.draw();
    } catch {
      // The connection says that the server is away; the next event brings the next look.
    }
    this.lookLater(turn + 1);
  }

  private movable(): string[] {
    const steps = [...(this.picture?.steps.values() ?? [])];
    const isMoving = (step: Step) => step.state === "READY" || (step.state === "WAITING" && (step.items ?? 0) > 0);
    return steps.filter(isMoving).slice(0, MOST_LOOKED_AT).map((step) => step.step);
  }

  /** Whether somebody decides a run of code is no event either. */
  private takeWaiting(run: Run): void {
    const picture = this.picture;
    if (picture === undefined || isEnded(picture.run.state)) return;
    const { waiting_for: _old, ...rest } = picture.run;
    picture.run = { ...rest, ...(run.waiting_for ? { waiting_for: run.waiting_for } : {}) };
  }

  private draw(): void {
    if (this.frame !== 0 || this.abort.signal.aborted) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      // A component that reads signals is drawn again only when one of them or a prop has changed: so this is another object.
      if (this.picture !== undefined) this.picture = { ...this.picture };
      this.version.value++;
    });
  }
}
