/**
 * Signals that come from outside to a monitor (its job has begun, ended, failed), as the server takes them, and what is kept
 * of them. The token in a signal's URL is a secret: monitors carry only its digest, so that no output can show it.
 */
import { createHash } from "node:crypto";

export const SIGNAL_KINDS = ["ok", "start", "fail"] as const;
export type SignalKind = typeof SIGNAL_KINDS[number];

export interface Signal {
  /** Of the monitor: see signalTarget(). */
  readonly target: string;
  readonly kind: SignalKind;
  /** Exit code of what failed, else 0. */
  readonly code: number;
  /** What the caller said, one line, at most SIGNAL_TEXT_MAX characters. */
  readonly text: string;
}

export const SIGNAL_TEXT_MAX = 200;

/** On its way from the server to the engine. */
export interface ReceivedSignal {
  /** Of the monitor as the server knows it; the signal's target tells whether it still is. */
  readonly row: number;
  readonly signal: Signal;
}

/** What is known of a monitor's signals; times in ms on one clock, absent = never. */
export interface Signals {
  /** Since when signals are waited for: the first look at the monitor ever. */
  readonly sinceMs: number;
  /** When this process began: signals that came while there was none are not known. */
  readonly awakeMs: number;
  readonly okMs?: number;
  readonly startMs?: number;
  readonly failMs?: number;
  /** Of the last failure. */
  readonly code: number;
  /** Of the last signal that had one. */
  readonly text: string;
}

/** 16 bytes of its SHA-256: enough that nobody finds another token with the same, and no way back to the token. */
export function signalTarget(token: string): string {
  return `token ${createHash("sha256").update(token).digest("hex").slice(0, 32)}`;
}
