/** What a seed stands for: a fleet, settings, the faults that are enabled, and how long. Everything is drawn here, in one order. */
import { type Random, seededRandom } from "../../src/base/prng.ts";
import type { Color } from "../../src/model/color.ts";
import { type DeliverySettings, DIGEST_DEFAULTS, FLAP_DEFAULTS } from "../../src/model/delivery.ts";
import type { MaintenanceWindow } from "../../src/model/maintenance.ts";
import type { CodeSpec, MonitorSpec } from "../../src/model/monitor.ts";
import {
  GUARD_DEFAULTS,
  type GuardSettings,
  REMEDIATION_DEFAULTS,
  type RemediationSettings,
} from "../../src/model/protection.ts";
import { simMonitor } from "../support/sim_engine.ts";
import { type Fault, FAULTS } from "./faults.ts";

/** hot: few monitors, checked every second, faults and crashes without a pause. wide: many, checked every few minutes, for hours. */
export const PROFILES = ["hot", "wide"] as const;
export type Profile = typeof PROFILES[number];

export interface Plan {
  readonly seed: number;
  readonly profile: Profile;
  readonly faults: ReadonlySet<Fault>;
  readonly monitors: readonly MonitorSpec[];
  readonly remediation: RemediationSettings;
  readonly guard: GuardSettings;
  readonly delivery: DeliverySettings;
  readonly maintenance: readonly MaintenanceWindow[];
  /** Faults end then; after `calmMs` more everything has to be well. */
  readonly faultsEndMs: number;
  readonly calmMs: number;
  readonly crashGapMs: number;
  /** Times as long as in a hot run: how far apart faults are. */
  readonly stretch: number;
  readonly capacity: { readonly pulse: number; readonly acts: number };
  /** Own random source for each purpose, so that one more draw there changes nothing here. */
  random(purpose: string): Random;
}

export const CHANNELS = ["a", "b", "c"] as const;
export const WALL_START_MS = 1_700_000_000_000;

export function planOf(seed: number, profile: Profile): Plan {
  const source = (purpose: string) => {
    let mixed = seed * 2 + (profile === "wide" ? 1 : 0);
    for (const char of purpose) mixed = (Math.imul(mixed, 31) + char.charCodeAt(0)) | 0;
    const random = seededRandom(mixed);
    random();
    return random;
  };
  const random = source("plan");
  const swarm = source("swarm");
  const faults = new Set(FAULTS.filter((fault) => swarm() < (fault === "crash" ? 0.9 : 0.5)));
  const hot = profile === "hot";
  const intervals = hot ? [1000, 1000, 2000, 5000] : [300_000, 900_000, 1_800_000];
  const faultsEndMs = hot ? 600_000 + random() * 600_000 : 1.5 * 3_600_000;
  return {
    seed,
    profile,
    faults,
    monitors: fleet(source("fleet"), { count: hot ? 24 : 4000, intervals }),
    ...settings(source("settings"), hot),
    // Alerts go out one by one: digests, flapping and the rest of what people may be spared are tested by themselves.
    delivery: {
      digest: { ...DIGEST_DEFAULTS, enabled: false },
      flapping: { ...FLAP_DEFAULTS, enabled: false },
    },
    maintenance: faults.has("maintenance") ? windows(source("maintenance"), faultsEndMs, hot) : [],
    faultsEndMs,
    // A wait that a step of the clock made longer is an hour at most.
    calmMs: hot ? (faults.has("clock_step") ? 4_000_000 : 1_200_000) : 5 * 3_600_000,
    crashGapMs: hot ? 15_000 : 900_000,
    stretch: hot ? 1 : 8,
    capacity: faults.has("full_rings") ? { pulse: 4, acts: 4 } : { pulse: 256, acts: 64 },
    random: source,
  };
}

function settings(random: Random, hot: boolean): Pick<Plan, "remediation" | "guard"> {
  const eager = random() < 0.4;
  const remediation: RemediationSettings = {
    ...REMEDIATION_DEFAULTS,
    dryRun: random() < 0.08,
    recheck: random() < 0.75,
    tellAfterMs: 20_000 + random() * 40_000,
    ...(eager ? { holdMs: 0, cooldownMs: 5000, atOnce: 8, groupPct: 0.5, fleetPerMinuteMin: 30 } : {}),
    ...(hot && !eager ? { cooldownMs: 60_000 } : {}),
    attemptsPerDay: random() < 0.3 ? 4 : hot ? 100 : 10,
  };
  const guard: GuardSettings = {
    ...GUARD_DEFAULTS,
    enabled: random() < 0.7,
    ...(hot ? { windowMs: 60_000, releaseMs: 15_000 } : {}),
  };
  return { remediation, guard };
}

function fleet(
  random: Random,
  { count, intervals }: { readonly count: number; readonly intervals: readonly number[] },
): MonitorSpec[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  return Array.from({ length: count }, (_, index) => {
    const intervalMs = pick(intervals);
    const named = random() < 0.3;
    const attempts = pick([0, 0, 1, 2, 3]);
    const always = random() < 0.15;
    const repeat = random() < 0.15;
    const code = (color: Color): CodeSpec => ({
      dispatch: color === "red" && always ? "always" : "transition",
      channels: channels(random),
      cooldownMs: color === "red" && always ? intervalMs * 5 : 0,
      repeatMs: color === "red" && repeat ? intervalMs * 10 : 0,
    });
    // Kept apart from the rest: what the examination at the end asks is the whole story of its monitor.
    const plain = index % 6 === 0;
    return simMonitor({
      name: `m${index}`,
      // "named" targets depend on the resolver.
      probe: { kind: "http", target: `http://${named ? "name" : "10.0.0"}.${index}/`, config: {} },
      intervalMs,
      timeoutMs: intervalMs / 2,
      unhealthyThreshold: 1 + Math.floor(random() * 3),
      healthyThreshold: 1 + Math.floor(random() * 2),
      verificationChecks: 1 + Math.floor(random() * 3),
      verificationTimeoutMs: random() < 0.2 ? intervalMs * 4 : 0,
      codes: {
        red: code("red"),
        yellow: code("yellow"),
        green: code("green"),
        cyan: code("cyan"),
        gray: code("gray"),
      },
      groups: plain ? [] : [`g${index % 3}`],
      dependsOn: !plain && random() < 0.1 && index > 1 ? ["m1"] : [],
      ...(attempts > 0 && !plain
        ? {
          remedy: {
            kind: "script",
            // Some share what is acted on.
            target: random() < 0.2 ? `shared${index % 2}` : `fix${index}`,
            config: {},
            retries: 0,
            maxFailures: attempts,
            timeoutMs: 5000,
            ...(random() < 0.3 ? { idempotent: true as const } : {}),
          },
        }
        : {}),
    });
  });
}

function channels(random: Random): CodeSpec["channels"] {
  const all = CHANNELS.filter(() => random() < 0.5);
  return (all.length === 0 ? [CHANNELS[0]] : all).map((url) => ({ kind: "webhook", config: { url } }));
}

function windows(random: Random, endMs: number, hot: boolean): MaintenanceWindow[] {
  return Array.from({ length: hot ? 4 : 8 }, (_, index) => {
    const startMs = WALL_START_MS + random() * endMs * 0.9;
    const lengthMs = (20_000 + random() * 60_000) * (hot ? 1 : 8);
    return {
      name: `w${index}`,
      match: {
        all: false,
        monitors: [`m${1 + Math.floor(random() * 5)}`],
        groups: random() < 0.7 ? [`g${index % 3}`] : [],
        labels: {},
      },
      time: { kind: "once", startMs, endMs: Math.min(startMs + lengthMs, WALL_START_MS + endMs) },
    };
  });
}
