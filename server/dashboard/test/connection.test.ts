// The live connection: it resumes behind the last id, over cuts at any point, and never asks in a tight loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../src/api/types.js";
import { backoffMs } from "../src/live/backoff.js";
import { LiveConnection, type Frame, type LiveState } from "../src/live/connection.js";
import { FakeClock, lastSocket, surroundings } from "./fake_socket.js";

interface Bench {
  clock: FakeClock;
  states: LiveState[];
  live: LiveConnection;
}

function bench(): Bench {
  const clock = new FakeClock();
  const states: LiveState[] = [];
  const live = new LiveConnection("ws://here/api/ws", (state) => states.push(state), surroundings(clock));
  return { clock, states, live };
}

const event = (sequence: number): Frame => ({ event: "event", id: String(sequence), data: { sequence } });
const problem = (status: number, reason: string): Frame => ({ event: "error", data: { status, reason, detail: reason } });
const sequences = (frames: Frame[]) => frames.map((frame) => (frame.data as { sequence: number }).sequence);

test("a subscription goes on behind the last id it has seen", () => {
  const { clock, states, live } = bench();
  const seen: number[] = [];
  let begins = 0;
  live.subscribe({ subscribe: "events" }, { frames: (frames) => seen.push(...sequences(frames)), ready: () => begins++ });
  const first = lastSocket().open();
  assert.deepEqual(first.said, [{ subscribe: "events", id: "s1" }]);
  first.tell("s1", { event: "ready", id: "7", data: {} }, event(8), event(9));
  first.cut();
  clock.pass();
  const second = lastSocket().open();
  assert.deepEqual(second.said, [{ subscribe: "events", id: "s1", after: "9" }]);
  second.tell("s1", { event: "ready", id: "9", data: {} }, event(10));
  assert.deepEqual(seen, [8, 9, 10]);
  assert.equal(begins, 1);
  assert.deepEqual(states, ["connecting", "live", "reconnecting", "reconnecting", "live"]);
});

test("a cut right after ready resumes there, so nothing between is lost", () => {
  const { clock, live } = bench();
  live.subscribe({ subscribe: "events" }, { frames: () => undefined });
  lastSocket().open().tell("s1", { event: "ready", id: "7", data: {} });
  lastSocket().cut();
  clock.pass();
  assert.equal(lastSocket().open().said[0]?.after, "7");
});

test("cut at every point, a history arrives complete and once", () => {
  const history = Array.from({ length: 40 }, (_, index) => event(index + 1));
  for (let size = 1; size <= 7; size++) {
    const { clock, live } = bench();
    const seen: number[] = [];
    live.subscribe({ subscribe: "run", run_id: "run_1" }, { frames: (frames) => seen.push(...sequences(frames)) });
    for (let rounds = 0; rounds < 60 && seen.length < history.length; rounds++) {
      const socket = lastSocket().open();
      const after = Number(socket.said[0]?.after ?? 0);
      socket.tell("s1", { event: "ready", id: String(after), data: {} }, ...history.slice(after, after + size));
      socket.cut();
      clock.pass();
    }
    assert.deepEqual(seen, history.map((_, index) => index + 1));
  }
});

test("an expired position begins anew and says so", () => {
  const { clock, live } = bench();
  let begins = 0;
  live.subscribe({ subscribe: "events", after: "3" }, { frames: () => undefined, ready: () => begins++ });
  const socket = lastSocket().open();
  assert.equal(socket.said[0]?.after, "3");
  socket.tell("s1", problem(410, "EVENTS_EXPIRED"));
  clock.pass();
  assert.deepEqual(socket.said[1], { subscribe: "events", id: "s1" });
  socket.tell("s1", { event: "ready", id: "90", data: {} });
  assert.equal(begins, 1);
});

test("what cannot be had is told, what mends itself is asked for again", () => {
  const { clock, live } = bench();
  const problems: Problem[] = [];
  live.subscribe({ subscribe: "run", run_id: "run_none" }, { frames: () => undefined, failed: (each) => problems.push(each) });
  live.subscribe({ subscribe: "overview" }, { frames: () => undefined, failed: (each) => problems.push(each) });
  const socket = lastSocket().open();
  socket.tell("s1", problem(404, "NOT_FOUND"));
  socket.tell("s2", problem(503, "UNAVAILABLE"));
  clock.pass();
  assert.deepEqual(problems.map((each) => each.reason), ["NOT_FOUND"]);
  assert.deepEqual(socket.said.map((each) => each.id), ["s1", "s2", "s2"]);
});

test("a draining server is left for another, an ended run is not asked for again", () => {
  const { clock, live } = bench();
  const ends: unknown[] = [];
  live.subscribe({ subscribe: "run", run_id: "run_1" }, { frames: (frames) => ends.push(...frames.map((frame) => frame.event)) });
  const first = lastSocket().open();
  first.tell("s1", event(1), { event: "end", data: { reason: "DRAINING" } });
  assert.equal(first.readyState, 3);
  clock.pass();
  const second = lastSocket().open();
  assert.notEqual(second, first);
  second.tell("s1", event(2), { event: "end", data: { reason: "RUN_ENDED", state: "SUCCEEDED" } });
  second.cut();
  clock.pass();
  assert.deepEqual(lastSocket().open().said, []);
  assert.deepEqual(ends, ["event", "event", "end"]);
});

test("states have no position, and an ended subscription hears nothing more", () => {
  const { clock, live } = bench();
  const seen: unknown[] = [];
  const stop = live.subscribe({ subscribe: "overview" }, { frames: (frames) => seen.push(...frames) });
  const socket = lastSocket().open();
  socket.tell("s1", { event: "state", id: "5", data: {} });
  socket.cut();
  clock.pass();
  const again = lastSocket().open();
  assert.deepEqual(again.said, [{ subscribe: "overview", id: "s1" }]);
  stop();
  assert.deepEqual(again.said[1], { unsubscribe: "s1" });
  again.tell("s1", { event: "state", data: {} });
  assert.equal(seen.length, 1);
});

test("a closed connection stays closed", () => {
  const { clock, states, live } = bench();
  live.subscribe({ subscribe: "workers" }, { frames: () => undefined });
  const socket = lastSocket().open();
  live.close();
  clock.pass();
  assert.equal(lastSocket(), socket);
  assert.equal(states.at(-1), "closed");
});

test("waits double up to ten seconds and are never nothing", () => {
  const waits = Array.from({ length: 12 }, (_, attempt) => backoffMs(attempt, () => 1));
  assert.deepEqual(waits.slice(0, 4), [250, 500, 1000, 2000]);
  assert.equal(Math.max(...waits), 10_000);
  assert.ok(Array.from({ length: 12 }, (_, attempt) => backoffMs(attempt, () => 0)).every((wait) => wait >= 60));
});

test("a server that drops every connection at once is asked less and less often", () => {
  const { clock, live } = bench();
  live.subscribe({ subscribe: "overview" }, { frames: () => undefined });
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    const before = clock.waits.length;
    lastSocket().open().cut();
    waits.push(clock.waits.slice(before).at(-1) ?? 0);
    clock.pass();
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000]);
});
