/**
 * The work of the micro benches, made from the modules of one checkout, so that two checkouts can be compared in one run.
 * Everything random comes from a fixed seed; each work starts from the same state every time it is called.
 */
import { seededRandom } from "../src/base/prng.ts";
import { LANES } from "../src/lanes/lane.ts";
import { mix, type Work } from "./harness.ts";

const SEED = 20_260_101;

/** What the benches use of a checkout. */
export interface Modules {
  readonly layout: typeof import("../src/shm/layout.ts");
  readonly ring: typeof import("../src/shm/ring.ts");
  readonly wheel: typeof import("../src/engine/wheel.ts");
  readonly transition: typeof import("../src/model/transition.ts");
  readonly columns: typeof import("../src/world/columns.ts");
  readonly yaml: typeof import("../src/manifest/yaml.ts");
  readonly metrics: typeof import("../src/telemetry/metrics.ts");
  readonly view: typeof import("../src/telemetry/metrics_view.ts");
  readonly exposition: typeof import("../src/telemetry/exposition.ts");
  readonly state: typeof import("../src/model/state.ts");
}

/** `root`: the URL of a checkout's folder, with a slash at its end. */
export async function loadModules(root: URL): Promise<Modules> {
  const from = async <T>(path: string): Promise<T> => await import(new URL(`src/${path}`, root).href) as T;
  return {
    layout: await from("shm/layout.ts"),
    ring: await from("shm/ring.ts"),
    wheel: await from("engine/wheel.ts"),
    transition: await from("model/transition.ts"),
    columns: await from("world/columns.ts"),
    yaml: await from("manifest/yaml.ts"),
    metrics: await from("telemetry/metrics.ts"),
    view: await from("telemetry/metrics_view.ts"),
    exposition: await from("telemetry/exposition.ts"),
    state: await from("model/state.ts"),
  };
}

const RING_BATCH = 64;

/** Pushes and takes `count` slots in batches of 64. */
export function ringWork({ layout, ring }: Modules, count: number): Work {
  const shape = layout.createLayout({
    places: { type: "u32", length: 4096 },
    tail: { type: "i32", length: 1 },
    head: { type: "i32", length: 1 },
  });
  return () => {
    const columns = shape.attach(shape.allocate());
    const producer = new ring.RingProducer(columns);
    const consumer = new ring.RingConsumer(columns);
    return passThrough(count, {
      push: (slot) => producer.push(slot),
      publish: () => void producer.publish(),
      take: () => consumer.take(),
    });
  };
}

/** The same through a list that grows and shrinks. */
export function listWork(count: number): Work {
  return () => {
    const list: number[] = [];
    return passThrough(count, {
      push: (slot) => void list.push(slot),
      publish: () => {},
      take: () => list.shift() ?? -1,
    });
  };
}

interface Queue {
  push(slot: number): void;
  publish(): void;
  take(): number;
}

function passThrough(count: number, queue: Queue): number {
  let hash = 0;
  for (let done = 0; done < count; done += RING_BATCH) {
    for (let slot = done; slot < done + RING_BATCH; slot++) queue.push(slot & 4095);
    queue.publish();
    for (let slot = queue.take(); slot >= 0; slot = queue.take()) hash = mix(hash, slot);
  }
  return hash;
}

/** Every row comes due `turns` times, on a lattice of its own; rows of one tick in any order. */
export function wheelWork({ wheel }: Modules, { rows, turns }: WheelSize): Work {
  const offsets = offsetsOf(rows);
  return () => {
    const columns = {
      next: new Int32Array(rows).fill(-1),
      previous: new Int32Array(rows).fill(-1),
      due: new Uint32Array(rows),
    };
    const timing = new wheel.Wheel(columns, { startTick: 0, slots: 16_384 });
    for (let row = 0; row < rows; row++) timing.insert(row, offsets[row] as number);
    let sum = 0;
    let tick = 0;
    const visit = (row: number) => {
      sum = (sum + Math.imul(row + 1, tick)) | 0;
      timing.insert(row, tick + PERIOD_TICKS);
    };
    for (tick = 0; tick < turns * PERIOD_TICKS; tick++) timing.advance(tick, visit, Infinity);
    return sum >>> 0;
  };
}

/** The same with a binary heap of due times. */
export function heapWork({ rows, turns }: WheelSize): Work {
  const offsets = offsetsOf(rows);
  return () => {
    const due = Uint32Array.from(offsets);
    const heap = Int32Array.from(offsets.keys());
    for (let at = (rows >> 1) - 1; at >= 0; at--) sink(heap, due, at);
    let sum = 0;
    for (let tick = 0; tick < turns * PERIOD_TICKS; tick++) {
      for (let row = heap[0] as number; due[row] === tick; row = heap[0] as number) {
        sum = (sum + Math.imul(row + 1, tick)) | 0;
        due[row] = tick + PERIOD_TICKS;
        sink(heap, due, 0);
      }
    }
    return sum >>> 0;
  };
}

export interface WheelSize {
  readonly rows: number;
  readonly turns: number;
}

const PERIOD_TICKS = 2500;

function offsetsOf(rows: number): Uint32Array {
  const random = seededRandom(SEED);
  return Uint32Array.from({ length: rows }, () => Math.floor(random() * PERIOD_TICKS));
}

function sink(heap: Int32Array, due: Uint32Array, start: number): void {
  const row = heap[start] as number;
  const rowDue = due[row] as number;
  let at = start;
  for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
    if (
      child + 1 < heap.length &&
      (due[heap[child + 1] as number] as number) < (due[heap[child] as number] as number)
    ) {
      child++;
    }
    if ((due[heap[child] as number] as number) >= rowDue) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = row;
}

/** One monitor through `count` outcomes, one in eight a failure. */
export function transitionWork({ transition, state }: Modules, count: number): Work {
  const random = seededRandom(SEED);
  const events = Uint8Array.from({ length: 65_536 }, () => random() < 0.125 ? 1 : 0);
  const policy = {
    unhealthyThreshold: 2,
    healthyThreshold: 2,
    verificationChecks: 2,
    hasRemedy: false,
    maxAttempts: 0,
  };
  return () => {
    const monitor = {
      state: state.STATE.pending,
      failures: 0,
      successes: 0,
      verifyLeft: 0,
      attempts: 0,
      flags: 0,
    };
    let hash = 0;
    for (let i = 0; i < count; i++) {
      hash = mix(hash, transition.transition(monitor, events[i & 65_535] as number, policy, monitor));
    }
    return mix(hash, monitor.state);
  };
}

/** Writes the outcome of a check to every row, in random order, then counts the rows by state. */
export function columnsWork({ columns }: Modules, rows: number): Work {
  const layout = columns.columnLayout(rows);
  const order = shuffled(rows);
  return () => {
    const { state, latencyUs, checkedAt, failures } = layout.attach(layout.allocate());
    for (let i = 0; i < rows; i++) {
      const row = order[i] as number;
      latencyUs[row] = row;
      checkedAt[row] = i;
      failures[row] = row & 1;
      state[row] = (row & 7) === 0 ? 3 : 1;
    }
    let down = 0;
    for (let row = 0; row < rows; row++) if (state[row] === 3) down++;
    return down;
  };
}

/** The same with an object per monitor. */
export function objectsWork(rows: number): Work {
  const order = shuffled(rows);
  return () => {
    const monitors = Array.from(
      { length: rows },
      () => ({ state: 0, latencyUs: 0, checkedAt: 0, failures: 0 }),
    );
    for (let i = 0; i < rows; i++) {
      const row = order[i] as number;
      const monitor = monitors[row] as typeof monitors[number];
      monitor.latencyUs = row;
      monitor.checkedAt = i;
      monitor.failures = row & 1;
      monitor.state = (row & 7) === 0 ? 3 : 1;
    }
    let down = 0;
    for (const monitor of monitors) if (monitor.state === 3) down++;
    return down;
  };
}

function shuffled(length: number): Uint32Array {
  const random = seededRandom(SEED);
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let i = length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    const kept = order[i] as number;
    order[i] = order[other] as number;
    order[other] = kept;
  }
  return order;
}

/** Text to tree; what the hash is made of are the names. */
export function yamlWork({ yaml }: Modules, text: string): Work {
  return () => {
    const result = yaml.parseYaml(text);
    if (!result.ok) throw new Error("the manifest of the bench does not parse");
    return hashOfNames(result.documents[0]?.value as Manifest);
  };
}

export function jsonWork(text: string): Work {
  return () => hashOfNames(JSON.parse(text) as Manifest);
}

interface Manifest {
  readonly monitors: readonly { readonly name: string }[];
}

function hashOfNames({ monitors }: Manifest): number {
  return monitors.reduce((hash, { name }) => mix(hash, name.charCodeAt(name.length - 1) + name.length), 0);
}

/** The whole of /metrics with something in every kind of family. */
export function expositionWork({ metrics, view, exposition, state }: Modules): Work {
  const written = metrics.createMetrics({
    probes: ["http", "tcp", "script"],
    remedies: ["docker", "script", "webhook"],
    pipelines: LANES,
    states: state.STATES,
  });
  for (let i = 1; i <= 1000; i++) {
    written.observeLag(i * 100);
    written.countCheck(i % 3, i % 10 === 0 ? 1 : 0, i * 1000);
    written.observeTick(i * 5);
  }
  const reader = new view.MetricsView(written.handle());
  return () => exposition.renderExposition(reader.families()).length;
}
