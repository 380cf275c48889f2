/** The raw engine with the probes that can run on it: which plan a policy has, made once per policy and thread. */
import { openLibc } from "../host/libc.ts";
import { LOCAL, reasonIndex } from "../model/outcome.ts";
import type { Probe } from "../model/plugin.ts";
import { type StreamCheck, type StreamEnd, StreamEngine } from "../net/raw/stream_engine.ts";

export interface RawPolicy {
  readonly probe: { readonly kind: string; readonly config: unknown };
  readonly timeoutMs: number;
  readonly retries: number;
}

export interface ProbeEngineOptions {
  readonly slots: number;
  readonly wakeFd: number;
  readonly nowMs: () => number;
  /** The same object for the same policy. */
  readonly policyOf: (row: number) => RawPolicy;
  readonly target: (row: number, into: Uint8Array) => number;
  readonly ended: (end: StreamEnd) => void;
}

export interface ProbeEngine {
  readonly inFlight: number;
  start(slot: number, row: number): void;
  poll(waitMs: number): void;
  waitMs(mostMs: number): number;
  close(): void;
}

/** Rejects where there is no FFI: the engine asks before it sends checks here. */
export async function createProbeEngine(
  probes: readonly Probe[],
  options: ProbeEngineOptions,
): Promise<ProbeEngine> {
  const libc = await openLibc();
  if (libc === undefined) throw new Error("Cannot run raw checks: no C library by FFI here");
  const engine = new StreamEngine({ libc, ...options });
  engine.watch(options.wakeFd);
  const checks = new Map<RawPolicy, StreamCheck | undefined>();
  const checkOf = (policy: RawPolicy): StreamCheck | undefined => {
    if (checks.has(policy)) return checks.get(policy);
    const { probe: { kind, config }, timeoutMs, retries } = policy;
    const plan = probes.find((probe) => probe.kind === kind)?.raw?.plan(config);
    const check = plan === undefined ? undefined : { plan, timeoutMs, retries };
    checks.set(policy, check);
    return check;
  };
  return {
    get inFlight() {
      return engine.inFlight;
    },
    start(slot, row) {
      const check = checkOf(options.policyOf(row));
      if (check === undefined) options.ended(unknownKind(slot, row));
      else engine.start(slot, row, check);
    },
    poll: (waitMs) => engine.poll(waitMs),
    waitMs: (mostMs) => engine.waitMs(mostMs),
    close: () => engine.close(),
  };
}

/** Whether a monitor's checks can run raw. */
export function suitsRaw(
  probes: readonly Probe[],
  { kind, target, config }: { readonly kind: string; readonly target: string; readonly config: unknown },
): boolean {
  return probes.find((probe) => probe.kind === kind)?.raw?.suits(target, config) ?? false;
}

/** Broken routing, told as our own fault rather than thrown across threads. */
function unknownKind(slot: number, row: number): StreamEnd {
  return {
    slot,
    row,
    outcome: LOCAL,
    reason: reasonIndex("local_fault"),
    value: 0,
    text: "kind without a raw engine",
    attempts: 1,
    beganMs: performance.now(),
    connectUs: 0,
    firstByteUs: 0,
  };
}
