/**
 * What a plug-in is: a probe (pulse lane), a remedy (intervention lane) or a notifier (code lane).
 * A new kind is one file that exports one of these and one line in its registry; validation, error text, `cpra kinds`,
 * `cpra schema`, metric labels and the contract test follow from it.
 *
 * Rules for all: keep the signal (when it fires, free every socket, process and timer before the promise settles);
 * never throw for a failing world (that is data); never print; never put a secret in a returned text.
 */
import type { Schema } from "../base/schema.ts";
import type { AlertMessage } from "./message.ts";
import type { Reason } from "./outcome.ts";
import type { RawProbe } from "./raw_probe.ts";
import type { Signals } from "./signal.ts";
import type { StateName } from "./state.ts";

export interface PluginInfo<Config> {
  /** The word in the manifest: lower case. */
  readonly kind: string;
  readonly aliases: readonly string[];
  /** One line for `cpra kinds`. */
  readonly summary: string;
  /**
   * The configuration block, strict (unknown keys are errors). Its output is plain JSON with defaults filled in.
   * Durations in it are milliseconds after parsing, through the helpers in base/fields.ts.
   */
  readonly schema: Schema<Config>;
  /** A warning about a configuration that is allowed but cannot do its work; undefined when there is none. */
  advice?(config: Config): string | undefined;
  /** A complete monitor (YAML mapping, no leading dash) that uses this kind; printed by the docs and loaded by a test. */
  readonly example: string;
}

/** A configuration cut in two: what differs per monitor, and what many share (interned by its JSON). */
export interface SplitConfig {
  readonly target: string;
  readonly shared: unknown;
}

export interface ProbeRequest {
  readonly monitor: string;
  readonly target: string;
  /** What `split` returned as `shared`, after a round trip through JSON. */
  readonly config: unknown;
  /** Time this attempt has, ms; the signal fires then. */
  readonly timeoutMs: number;
}

/** One value of a check's performance data (Nagios Plugin Development Guidelines). */
export interface PerfDatum {
  readonly label: string;
  /** null: the check could not tell ("U"). */
  readonly value: number | null;
  /** "s", "ms", "%", "B", "c", … or "". */
  readonly unit: string;
  /** Ranges as written: "80", "10:20", "@5". */
  readonly warn?: string;
  readonly crit?: string;
  readonly min?: number;
  readonly max?: number;
}

export interface ProbeResult {
  readonly outcome: "pass" | "fail" | "local";
  readonly reason: Reason;
  /** The number in the reason's text: status, exit code, errno, limit. Unsigned 32 bit. */
  readonly value: number;
  /** Extra text for people, at most 200 bytes are kept: a plug-in's first line, a failed assertion. */
  readonly text?: string;
  /** Phases from the start of this attempt, µs; absent when the phase was not reached or does not exist. */
  readonly dnsUs?: number;
  readonly connectUs?: number;
  readonly firstByteUs?: number;
  /** Of a passed check: the day since 1970 on which the certificate that it was shown ends; absent = it looked at none. */
  readonly certificateDay?: number;
  /** At most 64 values. */
  readonly perfdata?: readonly PerfDatum[];
}

/** Lets a manifest of a million monitors skip the schema where one value alone changes, in a way that cannot matter. */
export interface QuickTarget {
  /** Of the configuration block. */
  readonly key: string;
  /**
   * The target for a value of this key, or undefined: ask the schema. Promises: in a configuration that is accepted with
   * one such value, any other is accepted too, changes nothing but the target, and causes no advice.
   */
  target(value: string): string | undefined;
}

/** A kind of check, whoever runs it. */
export interface ProbeInfo<Config = unknown> extends PluginInfo<Config> {
  readonly quick?: QuickTarget;
  readonly split: (config: Config) => SplitConfig;
  /** Most file descriptors one check holds at a time. */
  readonly descriptors: number;
  /** Service time assumed until it has been measured, ms. */
  readonly estimateMs: number;
  /** Why checks of this kind cannot run on this machine, and what to do about it; undefined: nothing is known to be in the way. */
  hindrance?(): string | undefined;
}

/** A check that a worker runs. */
export interface Probe<Config = unknown> extends ProbeInfo<Config> {
  run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult>;
  /** The same check on the raw engine; absent when this kind has none. */
  readonly raw?: RawProbe;
  readonly judge?: undefined;
}

/** What the engine knows that a check can be judged by, without asking anybody. */
export interface JudgeFacts {
  readonly config: unknown;
  /** Of the clock that the times of `signals` are on. */
  readonly nowMs: number;
  /** Of the monitors that `watches` names, in its order; undefined: there is none of this name. */
  readonly states: readonly (StateName | undefined)[];
  /** Empty unless the kind takes signals. */
  readonly signals: Signals;
}

/** A check that asks nobody: the engine judges it on its own thread, so it is pure and takes microseconds. */
export interface JudgedProbe<Config = unknown> extends ProbeInfo<Config> {
  readonly run?: undefined;
  readonly raw?: undefined;
  /** Names of the monitors it looks at: each has to exist, and none may look back, however far around. */
  watches(config: unknown): readonly string[];
  /** Whether callers of /ping/TOKEN can signal to its monitors; their target is signalTarget(TOKEN). */
  readonly takesSignals: boolean;
  /** undefined: nothing can be said yet, and the monitor stays as it is. */
  judge(facts: JudgeFacts): ProbeResult | undefined;
}

export type AnyProbe<Config = unknown> = Probe<Config> | JudgedProbe<Config>;

export interface RemedyRequest {
  readonly monitor: string;
  readonly target: string;
  readonly config: unknown;
  readonly incident: string;
  /** 1-based, within the incident. */
  readonly attempt: number;
  /** Why it runs: the last error, for scripts and web hooks. */
  readonly error: string;
  readonly timeoutMs: number;
}

export interface RemedyResult {
  readonly ok: boolean;
  /** False: trying the same again at once cannot help (no such container, 4xx). */
  readonly retryable: boolean;
  /** For the audit trail and the alert, at most 500 bytes are kept: "restarted container web in 1.2 s". */
  readonly text: string;
}

export interface Remedy<Config = unknown> extends PluginInfo<Config> {
  readonly split: (config: Config) => SplitConfig;
  readonly descriptors: number;
  readonly estimateMs: number;
  /** The target is only a means (a script, a web hook) that may serve many monitors: what is acted on is the monitor. */
  readonly perMonitor?: true;
  /** What would be done, for dry runs and the audit trail: "restart container web". */
  describe(target: string, config: unknown): string;
  run(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult>;
}

export type DeliveryResult =
  | { readonly result: "sent" }
  /** May succeed later: 429, 5xx, timeouts, refused connections. retryAfterMs when the other end named a time. */
  | { readonly result: "retry"; readonly error: string; readonly retryAfterMs?: number }
  /** Will not succeed by repetition: 4xx, unusable configuration. */
  | { readonly result: "refused"; readonly error: string };

/** An open channel, living in one code worker. send() runs concurrently for different monitors. */
export interface Channel {
  send(message: AlertMessage, signal: AbortSignal): Promise<DeliveryResult>;
  /** SIGUSR1: close and reopen files. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface Notifier<Config = unknown> extends PluginInfo<Config> {
  readonly descriptors: number;
  readonly estimateMs: number;
  /** Time one send may take, ms. */
  readonly timeoutMs: number;
  /** Where this channel goes, without secrets, for logs and metrics: "webhook https://hooks.example.com". */
  describe(config: Config): string;
  open(config: Config): Channel;
}

export interface Registries {
  readonly probes: readonly AnyProbe[];
  readonly remedies: readonly Remedy[];
  readonly notifiers: readonly Notifier[];
}
