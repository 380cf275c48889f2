/**
 * What many monitors share, interned once: everything a monitor states except its name, its targets and its attributes.
 * Plain data; a row holds the index. A fleet of a million monitors has some thousand policies.
 */
import type { Color } from "../model/color.ts";
import type { Dispatch, MonitorSpec, RemedyStep } from "../model/monitor.ts";

export interface ProbePolicy {
  readonly kind: string;
  readonly config: unknown;
}

export interface RemedyPolicy {
  readonly kind: string;
  readonly config: unknown;
  readonly retries: number;
  readonly maxFailures: number;
  readonly timeoutMs: number;
  readonly idempotent?: true;
  readonly steps?: readonly RemedyStep[];
}

/** The fields mean what they mean in model/monitor.ts; channels are indices. */
export interface LaterPolicy {
  readonly afterMs: number;
  readonly channels: readonly number[];
}

export interface CodePolicy {
  readonly dispatch: Dispatch;
  /** Indices into the world's channels. */
  readonly channels: readonly number[];
  readonly cooldownMs: number;
  readonly repeatMs: number;
  readonly escalate?: readonly LaterPolicy[];
  readonly fallback?: LaterPolicy;
}

/** The fields mean what they mean in model/monitor.ts. */
export interface Policy {
  readonly probe: ProbePolicy;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly verificationChecks: number;
  readonly verificationTimeoutMs: number;
  readonly remedy: RemedyPolicy | null;
  readonly codes: Readonly<Partial<Record<Color, CodePolicy>>>;
}

/** What people sort monitors by. Kept as JSON in the arena: it often differs from monitor to monitor. */
export type Attributes = Pick<MonitorSpec, "groups" | "labels" | "dependsOn" | "metadata">;

export const NO_ATTRIBUTES: Attributes = { groups: [], labels: {}, dependsOn: [], metadata: {} };
