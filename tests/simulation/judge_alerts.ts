/**
 * Judges alerts by what was handed to the journal, what its disk holds, and what reached the other end: nothing lost, nothing
 * before its commit, first deliveries in order, repeats equal, every trigger with its resolve, patience where it was asked for.
 */
import { REFUSED, RETRY, SENT } from "../../src/lanes/code.ts";
import type { JournalRecord, Standing } from "../../src/model/journal_record.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import type { Accuse } from "./judge.ts";
import type { Holder } from "./judge_states.ts";
import { monitorIndex } from "./names.ts";

/** Most deliveries in flight per channel. */
const WINDOW = 16;
/** Clocks are read at slightly different moments. */
const SLACK_MS = 5;

interface Line {
  boot: number;
  number: number;
  seq: number;
  key: string;
}

export class AlertJudge {
  readonly #accuse: Accuse;
  readonly #monitors: readonly MonitorSpec[];
  /** Key and channel → as it is on disk. */
  readonly #durable = new Map<string, AlertMessage>();
  readonly #decided = new Set<string>();
  readonly #delivered = new Map<string, string>();
  readonly #dead = new Set<string>();
  readonly #refusedResolves = new Set<string>();
  readonly #lines = new Map<string, Line>();
  readonly #notBefore = new Map<string, number>();
  readonly #unsettled = new Set<string>();
  readonly #inFlight = new Map<string, Set<{ readonly worker: Holder }>>();
  /** Incidents that acted without the disk before a crash: the promises do not cover them. */
  readonly loose = new Set<string>();
  repeats = 0;

  constructor(monitors: readonly MonitorSpec[], accuse: Accuse) {
    this.#monitors = monitors;
    this.#accuse = accuse;
  }

  /** Messages on disk. */
  get written(): number {
    return this.#durable.size;
  }

  get delivered(): number {
    return this.#delivered.size;
  }

  decided(records: readonly JournalRecord[]): void {
    for (const { key, channel } of alertsOf(records)) this.#decided.add(`${channel} ${key}`);
  }

  durable(records: readonly JournalRecord[]): void {
    for (const { key, channel, message } of alertsOf(records)) {
      this.#durable.set(`${channel} ${key}`, message);
    }
  }

  /** The disk missed something, and was given what stands. */
  replaced({ alerts }: Standing): void {
    for (const { channelId, message } of alerts) this.#durable.set(`${channelId} ${message.key}`, message);
  }

  /** Nothing is in anyone's hands any more. */
  crashed(): void {
    this.#inFlight.clear();
    // What was asked for in the last moment before may be forgotten.
    for (const id of this.#unsettled) this.#notBefore.delete(id);
    this.#unsettled.clear();
  }

  /** Everything that the engine knows is on disk. */
  settled(): void {
    this.#unsettled.clear();
  }

  /** Retry-After is kept as wall time over restarts: after a step of the clock it means nothing. */
  clockStepped(): void {
    this.#notBefore.clear();
  }

  begins(
    message: AlertMessage,
    channel: string,
    at: { nowMs: number; worker: Holder; direct: boolean },
  ): () => void {
    const id = `${channel} ${message.key}`;
    if (!this.#decided.has(id)) this.#accuse("alerts_not_decided", id);
    if (!this.#durable.has(id) && !at.direct) this.#accuse("alerts_before_commit", id);
    const notBeforeMs = this.#notBefore.get(id) ?? 0;
    if (at.nowMs < notBeforeMs - SLACK_MS) {
      this.#accuse("retried_too_soon", `${id}: ${Math.round(notBeforeMs - at.nowMs)} ms too soon`);
    }
    let flying = this.#inFlight.get(channel);
    if (flying === undefined) this.#inFlight.set(channel, flying = new Set());
    for (const each of flying) if (each.worker.gone) flying.delete(each);
    const flight = { worker: at.worker };
    flying.add(flight);
    if (flying.size > WINDOW) this.#accuse("window_exceeded", `${channel}: ${flying.size}`);
    return () => flying.delete(flight);
  }

  /** The other end has it. */
  arrived(message: AlertMessage, channel: string): void {
    const { key, monitor, incident, seq } = message;
    const id = `${channel} ${key}`;
    const body = JSON.stringify(message);
    const before = this.#delivered.get(id);
    if (before !== undefined) {
      this.repeats++;
      if (before !== body && !this.loose.has(incident)) this.#accuse("repeats_that_differ", id);
      return;
    }
    this.#delivered.set(id, body);
    const place = placeOf(incident, seq);
    const name = `${channel} ${monitorIndex(monitor) < 0 ? incident : monitor}`;
    const line = this.#lines.get(name);
    const backwards = line !== undefined &&
      (place.boot - line.boot || place.number - line.number || place.seq - line.seq) < 0;
    // One that was refused had its turn; that it was may be forgotten, and then it comes again.
    if (backwards && !this.loose.has(incident) && !this.#dead.has(id)) {
      this.#accuse("order_violations", `${id} after ${line.key}`);
    }
    if (!backwards) this.#lines.set(name, { ...place, key });
  }

  /** The engine has read what came of it. */
  read(message: AlertMessage, channel: string, of: { outcome: number; value: number; nowMs: number }): void {
    const id = `${channel} ${message.key}`;
    if (of.outcome === REFUSED) {
      this.#dead.add(id);
      if (message.color === "green") this.#refusedResolves.add(message.dedupKey);
    }
    if (of.outcome === SENT) this.#notBefore.delete(id);
    if (of.outcome === RETRY && of.value > 0) {
      this.#notBefore.set(id, of.nowMs + of.value);
      this.#unsettled.add(id);
    }
  }

  /** After all faults are over and everything had its time. */
  end(): void {
    const triggers = new Map<string, string>();
    const told = new Map<string, string>();
    // A resolve that went out while nothing could be written never came to the disk.
    const resolved = new Set(this.#refusedResolves);
    for (const body of this.#delivered.values()) {
      const { color, dedupKey } = JSON.parse(body) as AlertMessage;
      if (color === "green") resolved.add(dedupKey);
    }
    for (const [id, { color, incident, dedupKey, key, monitor }] of this.#durable) {
      if (!this.#delivered.has(id) && !this.#dead.has(id)) this.#accuse("alerts_lost", id);
      if (color === "green") resolved.add(dedupKey);
      if (this.loose.has(incident)) continue;
      if (color === "red" || color === "yellow") triggers.set(dedupKey, id);
      if (color === "gray" || color === "cyan" || this.#repeats(monitor, color)) continue;
      const before = told.get(`${color} ${dedupKey}`);
      if (before !== undefined && before !== key) this.#accuse("told_twice", `${color} ${before} and ${key}`);
      told.set(`${color} ${dedupKey}`, key);
    }
    for (const [dedupKey, id] of triggers) if (!resolved.has(dedupKey)) this.#accuse("unresolved", id);
  }

  /** What one monitor's channel got since a time, in order: `color` of each. */
  storyOf(index: number): { readonly id: string; readonly color: string }[] {
    const name = `:m${index}:`;
    return [...this.#delivered].filter(([id]) => id.includes(name))
      .map(([id, body]) => ({ id, color: (JSON.parse(body) as AlertMessage).color }));
  }

  #repeats(monitor: string, color: "red" | "yellow" | "green"): boolean {
    const code = this.#monitors[monitorIndex(monitor)]?.codes[color];
    return code?.dispatch === "always" || (code?.repeatMs ?? 0) > 0;
  }
}

function* alertsOf(records: readonly JournalRecord[]) {
  for (const record of records) {
    if (record.type !== "decision") continue;
    for (const { channelId, message } of record.alerts) {
      yield { key: message.key, channel: channelId, message };
    }
  }
}

/** From "i3.14" or "guard-i3.14". */
function placeOf(incident: string, seq: number) {
  const [boot = 0, number = 0] = incident.slice(incident.lastIndexOf("i") + 1).split(".").map(Number);
  return { boot, number, seq };
}
