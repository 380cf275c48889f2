/**
 * A fleet of http and tcp targets in one process, for tests, benches and the demo: as many as there are addresses in
 * 127.0.0.0/8, each with faults of its own that change over time. A healthy target costs eight bytes of counters; faults
 * live in a map with an entry per faulty target.
 *
 * Targets 0 … count−1 share the listening ports. Such a port cannot be closed for one address alone, so the faults that
 * need the socket ("refused", "unaccepted") are for the `own` targets count … count+own−1, each with a listening socket of
 * its own, or for all targets of a shared port together. "reset" at accept is the next best thing for a single one.
 *
 * It is a mock: one event loop, no TLS, no limits against hostile clients beyond its own memory.
 */
import type { Socket } from "node:net";
import { assert } from "../src/base/assert.ts";
import { type Clock, SYSTEM_CLOCK } from "../src/base/clock.ts";
import { type Random, seededRandom } from "../src/base/prng.ts";
import { hostOfSlot, sharedPlace, SLOT_COUNT, slotOfHost } from "./target_addresses.ts";
import { serveConnection } from "./target_connection.ts";
import { type ControlServer, openControl } from "./target_control.ts";
import {
  type Fault,
  FAULT_SCHEMA,
  faultAt,
  type FaultInput,
  needsListener,
  type SteadyFault,
} from "./target_faults.ts";
import { openTargetListener, type TargetListener } from "./target_listener.ts";
import { matchTargets, type TargetMatch } from "./target_match.ts";
import {
  type FaultTerms,
  TargetError,
  type TargetPlace,
  type Targets,
  type TargetsOptions,
  type TargetStats,
} from "./target_types.ts";

/** Throws when a port is taken. */
export async function startTargets(options: TargetsOptions = {}): Promise<Targets> {
  const fleet = new Fleet(options);
  try {
    await fleet.open();
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
  return fleet;
}

interface ActiveFault {
  readonly fault: Fault;
  readonly sinceMs: number;
  readonly path: string | undefined;
  resistRepairs: number;
  readonly repairMs: number;
}

const UP: SteadyFault = { kind: "up" };
const DEFAULT_COUNT = 10_000;

/** Guards that listening sockets and the faults of the targets behind them agree. */
class Fleet implements Targets {
  readonly count: number;
  readonly #options: TargetsOptions;
  readonly #sharedCount: number;
  readonly #seed: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #shared: TargetListener[] = [];
  readonly #own: TargetListener[] = [];
  #ports: readonly number[] = [];
  #control: ControlServer | undefined;

  readonly #faults = new Map<number, ActiveFault>();
  /** Of expiries and of repairs under way. */
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #acceptedBy: Uint32Array;
  readonly #requestsBy: Uint32Array;
  #accepted = 0;
  #requests = 0;
  #repaired = 0;
  #repairsFailed = 0;

  constructor(options: TargetsOptions) {
    this.#options = options;
    this.#sharedCount = options.count ?? DEFAULT_COUNT;
    this.count = this.#sharedCount + (options.own ?? 0);
    if (this.count > SLOT_COUNT) {
      throw new TargetError(`Cannot start ${this.count} targets: at most ${SLOT_COUNT}`);
    }
    this.#seed = options.seed ?? 1;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#random = seededRandom(this.#seed);
    this.#acceptedBy = new Uint32Array(this.count);
    this.#requestsBy = new Uint32Array(this.count);
  }

  async open(): Promise<void> {
    for (const port of this.#options.ports ?? [0]) {
      const onConnection = (socket: Socket) => this.#serve(socket, this.#indexOf(socket));
      this.#shared.push(await openTargetListener({ host: "0.0.0.0", port }, onConnection));
    }
    this.#ports = this.#shared.map((listener) => listener.port);
    const firstPort = this.#options.ownPort ?? 0;
    for (let index = this.#sharedCount; index < this.count; index++) {
      const port = firstPort === 0 ? 0 : firstPort + index - this.#sharedCount;
      const onConnection = (socket: Socket) => this.#serve(socket, index);
      this.#own.push(await openTargetListener({ host: hostOfSlot(index), port }, onConnection));
    }
    if (this.#options.control !== undefined) this.#control = await openControl(this, this.#options.control);
  }

  get control(): string {
    return this.#control?.url ?? "";
  }

  addressOf(index: number): TargetPlace {
    assert(index >= 0 && index < this.count, `target ${index} of ${this.count}`);
    const own = index >= this.#sharedCount;
    const { host, port } = own ? this.#listenerOf(index) : sharedPlace(index, this.#ports);
    return { index, host, port, url: `http://${host}:${port}/`, own };
  }

  async set(target: number | TargetMatch, fault: FaultInput, terms: FaultTerms = {}): Promise<void> {
    const match = typeof target === "number" ? { index: target } : target;
    const indices = matchTargets(match, {
      count: this.count,
      seed: this.#seed,
      portOf: (i) => this.addressOf(i).port,
    });
    if (indices.length === 0) {
      throw new TargetError(`Cannot set a fault: no target matches ${JSON.stringify(match)}`);
    }
    const parsed = FAULT_SCHEMA.parse(fault);
    if (needsListener(parsed) && terms.path !== undefined) {
      throw new TargetError(
        `Cannot set "${parsed.kind}" for the path ${
          JSON.stringify(terms.path)
        }: it concerns the whole socket`,
      );
    }
    const listeners = this.#listenersToChange(indices, parsed);
    const active: ActiveFault = {
      fault: parsed,
      sinceMs: this.#clock.monoMs(),
      path: terms.path,
      resistRepairs: terms.resistRepairs ?? 0,
      repairMs: terms.repairMs ?? 0,
    };
    for (const index of indices) {
      this.#faults.delete(index);
      if (parsed.kind !== "up") this.#faults.set(index, active);
    }
    if (terms.forMs !== undefined) this.#after(terms.forMs, () => this.#expire(indices, active));
    await Promise.all(listeners.map((listener) => listener.follow(parsed)));
  }

  faultOf(index: number): Fault {
    return this.#faults.get(index)?.fault ?? UP;
  }

  faulty(): IteratorObject<number> {
    return this.#faults.keys();
  }

  async repair(index: number, signal?: AbortSignal): Promise<boolean> {
    const active = this.#faults.get(index);
    if (active !== undefined && active.repairMs > 0) await this.#sleep(active.repairMs, signal);
    if (signal?.aborted === true) return false;
    if (active !== undefined && active.resistRepairs > 0) {
      active.resistRepairs--;
      this.#repairsFailed++;
      return false;
    }
    if (active !== undefined && this.#faults.get(index) === active) await this.set(index, UP);
    this.#repaired++;
    return true;
  }

  stats(): TargetStats {
    return {
      accepted: this.#accepted,
      requests: this.#requests,
      faulty: this.#faults.size,
      repaired: this.#repaired,
      repairsFailed: this.#repairsFailed,
      acceptedBy: this.#acceptedBy,
      requestsBy: this.#requestsBy,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#control?.close();
    await Promise.all([...this.#shared, ...this.#own].map((listener) => listener.close()));
  }

  #indexOf(socket: Socket): number {
    const slot = slotOfHost(socket.localAddress ?? "");
    const portIndex = this.#ports.length === 1 ? 0 : this.#ports.indexOf(socket.localPort ?? 0);
    const index = slot * this.#ports.length + portIndex;
    return slot >= 0 && index < this.#sharedCount ? index : -1;
  }

  /** `index` −1: an address of the listening port that is none of the fleet's targets; always healthy. */
  #serve(socket: Socket, index: number): void {
    this.#accepted++;
    if (index >= 0) this.#acceptedBy[index] = (this.#acceptedBy[index] as number) + 1;
    serveConnection(socket, {
      fault: (path) => this.#faultInForce(index, path),
      countRequest: () => {
        this.#requests++;
        if (index >= 0) this.#requestsBy[index] = (this.#requestsBy[index] as number) + 1;
      },
      random: this.#random,
    });
  }

  #faultInForce(index: number, path: string | undefined): SteadyFault {
    const active = this.#faults.get(index);
    if (active === undefined || (active.path !== undefined && active.path !== path)) return UP;
    return faultAt(active.fault, this.#clock.monoMs() - active.sinceMs);
  }

  /** The sockets this fault takes or gives back. Refuses to take one, or to give it back, for some of its targets only. */
  #listenersToChange(indices: readonly number[], fault: Fault): readonly TargetListener[] {
    const matched = new Map<TargetListener, number>();
    for (const index of indices) {
      const listener = this.#listenerOf(index);
      matched.set(listener, (matched.get(listener) ?? 0) + 1);
    }
    const changed = [...matched.keys()].filter((listener) =>
      needsListener(fault) || listener.held !== undefined
    );
    for (const listener of changed) {
      const behind = this.#targetsBehind(listener);
      if (matched.get(listener) === behind) continue;
      throw new TargetError(
        `Cannot set "${fault.kind}" for ${
          matched.get(listener)
        } of the ${behind} targets on port ${listener.port}: ` +
          "they share its listening socket; match the whole port, or a target with a socket of its own",
      );
    }
    return changed;
  }

  #expire(indices: readonly number[], active: ActiveFault): void {
    const left = indices.filter((index) => this.#faults.get(index) === active);
    for (const index of left) this.#faults.delete(index);
    for (const listener of new Set(left.map((index) => this.#listenerOf(index)))) {
      // The port may be gone to another process; the target then stays refused, as it would in life.
      if (listener.held !== undefined) listener.follow(UP).catch(() => {});
    }
  }

  #listenerOf(index: number): TargetListener {
    const own = index - this.#sharedCount;
    return (own >= 0 ? this.#own[own] : this.#shared[index % this.#shared.length]) as TargetListener;
  }

  #targetsBehind(listener: TargetListener): number {
    const port = this.#shared.indexOf(listener);
    return port < 0 ? 1 : Math.ceil((this.#sharedCount - port) / this.#shared.length);
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#after(ms, resolve);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
