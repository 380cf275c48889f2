/**
 * What `cpra demo` watches and what happens to it: a manifest over the mock fleet, monitor i on target i, and an endless
 * seeded schedule of failures. The fleet's own targets (the last ones) have a repair that really repairs them, through the
 * fleet's control endpoint; the others heal by themselves.
 */
import type { Random } from "../base/prng.ts";
import type { FaultInput } from "../../mock-servers/target_faults.ts";
import type { FaultTerms, Targets } from "../../mock-servers/target_types.ts";

/** How many of the demo's targets have a repair. */
export const DEMO_REPAIRED = 36;

const INTERVAL = "5s";
const TIMEOUT = "2s";
/** Above the timeout: a slow target is a failed one. */
const SLOW_MS = 4000;
const TCP_EVERY = 10;

export interface DemoManifestOptions {
  readonly targets: Pick<Targets, "addressOf" | "count" | "control">;
  /** Where all alerts go, as a code's `notify` and `config`. */
  readonly notify: string;
  readonly notifyConfig: Readonly<Record<string, unknown>>;
}

/** Monitors in the manifest's form, one per target. */
export function* demoManifest(options: DemoManifestOptions): Generator<Readonly<Record<string, unknown>>> {
  const { targets } = options;
  const code = { dispatch: true, notify: options.notify, config: options.notifyConfig };
  const codes = { yellow: code, red: code, cyan: code, green: code };
  for (let index = 0; index < targets.count; index++) {
    const place = targets.addressOf(index);
    const type = isTcp(index) ? "tcp" : "http";
    yield {
      name: `${place.own ? "repaired-" : ""}${type}-${String(index).padStart(5, "0")}`,
      groups: [place.own ? "repaired" : "fleet"],
      pulse_check: {
        type,
        interval: INTERVAL,
        timeout: TIMEOUT,
        unhealthy_threshold: 2,
        healthy_threshold: 2,
        config: type === "tcp" ? { host: place.host, port: place.port } : { url: place.url },
      },
      ...(place.own ? { intervention: repairOf(`${targets.control}/repair/${index}`) } : {}),
      codes,
    };
  }
}

/** Two attempts, so that a repair that fails first is seen to be tried again. */
function repairOf(url: string): Readonly<Record<string, unknown>> {
  return { action: "webhook", max_failures: 2, timeout: "10s", config: { url } };
}

function isTcp(index: number): boolean {
  return index % TCP_EVERY === TCP_EVERY - 1;
}

export interface DemoFailure {
  /** Since the failure before, ms. */
  readonly afterMs: number;
  readonly index: number;
  readonly fault: FaultInput;
  readonly terms: FaultTerms;
}

export interface DemoFleet {
  /** Targets that share a port: 0 … shared−1. */
  readonly shared: number;
  /** Targets with a port of their own: shared … shared+own−1. */
  readonly own: number;
}

/** Endless. A target is not chosen again before eight others were. */
export function* demoSchedule(random: Random, fleet: DemoFleet): Generator<DemoFailure, never> {
  const recent: number[] = [];
  while (true) {
    const repaired = fleet.own > 0 && random() < 0.6;
    const index = repaired ? fleet.shared + whole(random, fleet.own) : whole(random, fleet.shared);
    // A check that only connects sees nothing of what is wrong behind a shared socket.
    if (recent.includes(index) || (!repaired && isTcp(index))) continue;
    recent.push(index);
    if (recent.length > 8) recent.shift();
    const afterMs = Math.round(between(random, 3000, 5000));
    yield repaired
      ? { afterMs, index, ...brokenOwn(random, index) }
      : { afterMs, index, ...brokenShared(random) };
  }
}

const SOCKET_FAULTS: readonly FaultInput[] = [{ kind: "refused" }, { kind: "refused" }, {
  kind: "unaccepted",
}];
const ANSWER_FAULTS: readonly FaultInput[] = [
  { kind: "status", code: 500 },
  { kind: "status", code: 503 },
  { kind: "hang" },
  { kind: "slow", delayMs: SLOW_MS },
  { kind: "reset", at: "request" },
  { kind: "half_close", at: "answer" },
  { kind: "garbage" },
];

type Breakage = Pick<DemoFailure, "fault" | "terms">;

/** Stays broken until repaired; one in five resists once, one in ten both attempts and heals much later. */
function brokenOwn(random: Random, index: number): Breakage {
  const fault = pick(random, isTcp(index) ? SOCKET_FAULTS : [...SOCKET_FAULTS, ...ANSWER_FAULTS]);
  const repairMs = Math.round(between(random, 1000, 4000));
  const luck = random();
  if (luck < 0.1) {
    return {
      fault,
      terms: { repairMs, resistRepairs: 100, forMs: Math.round(between(random, 60_000, 90_000)) },
    };
  }
  return { fault, terms: { repairMs, resistRepairs: luck < 0.3 ? 1 : 0 } };
}

function brokenShared(random: Random): Breakage {
  return { fault: pick(random, ANSWER_FAULTS), terms: { forMs: Math.round(between(random, 8000, 40_000)) } };
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[whole(random, from.length)] as T;
}

function whole(random: Random, below: number): number {
  return Math.floor(random() * below);
}

function between(random: Random, low: number, high: number): number {
  return low + random() * (high - low);
}
