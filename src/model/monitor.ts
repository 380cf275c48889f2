/**
 * A monitor as the manifest states it, after validation: plain JSON values, every default filled in, every secret
 * resolved. The world (src/world) interns what many monitors share and keeps the rest in the arena.
 */
import type { Color } from "./color.ts";

/** Dispatch of a code: on the transitions of the state table, on every failed check too, or not at all. */
export const DISPATCHES = ["never", "transition", "always"] as const;
export type Dispatch = typeof DISPATCHES[number];

/** One place alerts go to. Equal (kind, config) pairs are one channel. */
export interface ChannelSpec {
  readonly kind: string;
  readonly config: unknown;
}

/** Other channels, for a time after which they are told. */
export interface LaterSpec {
  readonly afterMs: number;
  readonly channels: readonly ChannelSpec[];
}

export interface CodeSpec {
  readonly dispatch: Dispatch;
  readonly channels: readonly ChannelSpec[];
  /** Least time between two messages of this code for one monitor, ms; only `always` and reminders are held back by it. */
  readonly cooldownMs: number;
  /** Reminder while the incident stays open, ms; 0 = none. */
  readonly repeatMs: number;
  /** While nobody acknowledges, so long after the first message; red only. */
  readonly escalate?: readonly LaterSpec[];
  /** When a channel has not taken a message for so long, or refused it; red only. */
  readonly fallback?: LaterSpec;
}

export interface ProbeSpec {
  readonly kind: string;
  /** The part that differs from monitor to monitor (URL, host:port, command line); kept once per row in the arena. */
  readonly target: string;
  /** The part that many monitors share; JSON. */
  readonly config: unknown;
}

/** One of several things that are tried in turn; see remedy_steps.ts. */
export interface RemedyStep {
  readonly kind: string;
  readonly target: string;
  readonly config: unknown;
  readonly retries: number;
  readonly timeoutMs: number;
  /** Attempts it has before the next step's turn. */
  readonly attempts: number;
  /** Where they differ from the monitor's. */
  readonly verificationChecks?: number;
  readonly verificationTimeoutMs?: number;
}

/** With steps, `kind` to `timeoutMs` are those of the first, and `maxFailures` is the sum of their attempts. */
export interface RemedySpec {
  readonly kind: string;
  /** What is acted on (container, script path, URL); kept per row. */
  readonly target: string;
  readonly config: unknown;
  /** Further tries of one attempt after its first, immediately after each other with a short back-off. */
  readonly retries: number;
  /** Attempts per incident. */
  readonly maxFailures: number;
  /** Per try, ms. */
  readonly timeoutMs: number;
  /** Running it twice does no more than running it once: it may run again when a crash cut it off. */
  readonly idempotent?: true;
  /** At least one, when there are any. */
  readonly steps?: readonly RemedyStep[];
}

export interface MonitorSpec {
  readonly name: string;
  readonly enabled: boolean;
  readonly probe: ProbeSpec;
  readonly intervalMs: number;
  /** Per attempt of a check, ms. */
  readonly timeoutMs: number;
  /** Further attempts of a check, within the same check, before it counts as failed. */
  readonly retries: number;
  /** T of behaviour: consecutive failed checks until an incident opens. */
  readonly unhealthyThreshold: number;
  /** K: consecutive passed checks until an incident closes. */
  readonly healthyThreshold: number;
  /** M: consecutive passed checks after a repair. */
  readonly verificationChecks: number;
  /** Longest time in `verifying`, ms; past it the repair counts as not having helped. 0 = no limit of its own. */
  readonly verificationTimeoutMs: number;
  readonly remedy?: RemedySpec;
  readonly codes: Readonly<Partial<Record<Color, CodeSpec>>>;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly dependsOn: readonly string[];
  /** Monitors that the check itself looks at; absent = none. */
  readonly watches?: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
}
