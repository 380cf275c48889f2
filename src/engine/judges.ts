/**
 * Checks that ask nobody (model/plugin.ts, JudgedProbe): gathers what the engine knows for them and asks the plug-in's judge.
 * Takes the signals that the server received for them, and keeps those over restarts. Typical load: some hundred monitors.
 */
import type { Clock } from "../base/clock.ts";
import type { Standing } from "../model/journal_record.ts";
import type { JudgedProbe, ProbeResult } from "../model/plugin.ts";
import type { Signal, Signals } from "../model/signal.ts";
import { STATES } from "../model/state.ts";
import type { Policy } from "../world/policy.ts";
import type { World } from "../world/world.ts";
import { rowsByName } from "./dependencies.ts";

export interface JudgesOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly judged: readonly JudgedProbe[];
  /** Keeps facts over restarts. */
  readonly store: { setFact(key: string, value: unknown): void };
  readonly stored: Standing["facts"];
}

/** Names of facts in the store. */
const SIGNALS_OF = "signals:";

/** A look at the monitors that a policy watches: their rows, valid as long as their names stand there. */
interface Watched {
  readonly names: readonly string[];
  rows: readonly (number | undefined)[];
}

export class Judges {
  readonly #options: JudgesOptions;
  readonly #byKind: ReadonlyMap<string, JudgedProbe>;
  readonly #watched = new WeakMap<Policy, Watched>();
  /** By name: rows may be given to other monitors. */
  readonly #signals: Map<string, Signals>;
  readonly #awakeMs: number;

  constructor(options: JudgesOptions) {
    this.#options = options;
    this.#byKind = new Map(options.judged.map((probe) => [probe.kind, probe]));
    const { clock, store, stored } = options;
    this.#awakeMs = clock.monoMs();
    const offsetMs = this.#awakeMs - clock.wallMs();
    const kept = stored.filter(([key]) => key.startsWith(SIGNALS_OF));
    this.#signals = new Map(kept.map(([key, value]) => [
      key.slice(SIGNALS_OF.length),
      moved({ ...value as Signals, awakeMs: 0 }, offsetMs, this.#awakeMs),
    ]));
    const present = rowsByName(options.world, new Set(this.#signals.keys()));
    for (const name of [...this.#signals.keys()].filter((each) => !present.has(each))) {
      this.#signals.delete(name);
      store.setFact(SIGNALS_OF + name, null);
    }
  }

  has(row: number): boolean {
    return this.#byKind.size > 0 && this.#byKind.has(this.#policy(row).probe.kind);
  }

  /** undefined: nothing can be said yet. Only for rows that it has. */
  judge(row: number): ProbeResult | undefined {
    const policy = this.#policy(row);
    const probe = this.#byKind.get(policy.probe.kind) as JudgedProbe;
    return probe.judge({
      config: policy.probe.config,
      nowMs: this.#options.clock.monoMs(),
      states: this.#statesOf(policy, probe),
      signals: probe.takesSignals ? this.#signalsOf(this.#options.world.name(row)) : this.#noSignals(),
    });
  }

  /** False when the row is no longer the monitor that the signal is for. */
  take(row: number, { target, kind, code, text }: Signal): boolean {
    const { world, clock } = this.#options;
    if (row >= world.count || world.target(row) !== target || !this.has(row)) return false;
    const name = world.name(row);
    const before = this.#signalsOf(name);
    const nowMs = clock.monoMs();
    const after: Signals = {
      ...before,
      ...(kind === "ok" ? { okMs: nowMs } : kind === "start" ? { startMs: nowMs } : { failMs: nowMs, code }),
      text: kind === "start" ? before.text : text,
    };
    this.#keep(name, after);
    return true;
  }

  #signalsOf(name: string): Signals {
    const known = this.#signals.get(name);
    if (known !== undefined) return known;
    const first = this.#noSignals();
    this.#keep(name, first);
    return first;
  }

  #noSignals(): Signals {
    return { sinceMs: this.#options.clock.monoMs(), awakeMs: this.#awakeMs, code: 0, text: "" };
  }

  /** On the wall clock in the store: the other one begins anew with each process. */
  #keep(name: string, signals: Signals): void {
    const { clock, store } = this.#options;
    this.#signals.set(name, signals);
    store.setFact(SIGNALS_OF + name, moved(signals, clock.wallMs() - clock.monoMs(), 0));
  }

  #statesOf(policy: Policy, probe: JudgedProbe) {
    const { world } = this.#options;
    let watched = this.#watched.get(policy);
    if (watched === undefined) {
      const names = probe.watches(policy.probe.config);
      this.#watched.set(policy, watched = { names, rows: this.#find(names) });
    }
    const { names } = watched;
    const stands = watched.rows.every((row, index) => row !== undefined && world.name(row) === names[index]);
    // After a reload a row may be another's, or a monitor may have come that was missing.
    if (!stands) watched.rows = this.#find(names);
    return watched.rows.map((row) =>
      row === undefined ? undefined : STATES[world.columns.state[row] as number]
    );
  }

  #find(names: readonly string[]): (number | undefined)[] {
    const rows = rowsByName(this.#options.world, new Set(names));
    return names.map((name) => rows.get(name));
  }

  #policy(row: number): Policy {
    const { world } = this.#options;
    return world.policies[world.columns.policy[row] as number] as Policy;
  }
}

/** The same times on another clock. */
function moved(signals: Signals, byMs: number, awakeMs: number): Signals {
  const { okMs, startMs, failMs } = signals;
  return {
    ...signals,
    awakeMs,
    sinceMs: signals.sinceMs + byMs,
    ...(okMs === undefined ? {} : { okMs: okMs + byMs }),
    ...(startMs === undefined ? {} : { startMs: startMs + byMs }),
    ...(failMs === undefined ? {} : { failMs: failMs + byMs }),
  };
}
