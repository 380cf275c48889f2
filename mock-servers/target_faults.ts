/**
 * What can be wrong with a mock target, as data: for the function API and for the control endpoint alike.
 * Three of them take the listening socket away from under the target ("refused", "unaccepted", or flapping into one of
 * them); the rest are decided per connection or per request and cost a healthy target nothing.
 */
import { type Schema, z } from "../src/base/schema.ts";

const milliseconds = () => z.number().min(0).max(3_600_000);
const seconds = () => z.number().gt(0).max(86_400);

const STEADY = [
  /** Healthy: HTTP gets 200 "ok\n", anything else gets its own bytes back (as the echo service, RFC 862). */
  z.strictObject({ kind: z.literal("up") }),
  /** Nobody listens: connect() gets ECONNREFUSED. */
  z.strictObject({ kind: z.literal("refused") }),
  /** Listens with a full backlog: connect() hangs (see src/host/idle_listener.ts). */
  z.strictObject({ kind: z.literal("unaccepted") }),
  /** Accepts, reads, never answers. */
  z.strictObject({ kind: z.literal("hang") }),
  /** Answers after delayMs; then, when dripMs > 0, one byte each dripMs. */
  z.strictObject({
    kind: z.literal("slow"),
    delayMs: milliseconds().default(0),
    dripMs: milliseconds().default(0),
  }),
  z.strictObject({ kind: z.literal("status"), code: z.number().int().min(200).max(599).default(500) }),
  /** 200 with another text. */
  z.strictObject({ kind: z.literal("body"), text: z.string().max(65_536).default("error: database gone\n") }),
  /** RST: right after accept, instead of the answer, or with half of it sent. */
  z.strictObject({
    kind: z.literal("reset"),
    at: z.enum(["accept", "request", "answer"]).default("request"),
  }),
  /** FIN instead of the answer or after half of it; the other direction stays open. */
  z.strictObject({ kind: z.literal("half_close"), at: z.enum(["request", "answer"]).default("answer") }),
  /** Seeded random bytes, then FIN. */
  z.strictObject({ kind: z.literal("garbage"), bytes: z.number().int().min(1).max(1 << 20).default(4096) }),
  /** A 200 whose body never ends. */
  z.strictObject({ kind: z.literal("endless_body"), chunked: z.boolean().default(false) }),
  /** A 200 whose header never ends. */
  z.strictObject({ kind: z.literal("endless_headers") }),
  /** 302 to `to`; without it to the same place again, for ever. */
  z.strictObject({ kind: z.literal("redirect"), to: z.string().max(2048).regex(/^[!-~]+$/).optional() }),
] as const;

const STEADY_FAULT = z.discriminatedUnion("kind", STEADY);

/** Healthy for upSeconds, `as` for downSeconds, and again; phaseSeconds shifts the start. */
const FLAPPING = z.strictObject({
  kind: z.literal("flapping"),
  upSeconds: seconds(),
  downSeconds: seconds(),
  phaseSeconds: z.number().min(0).max(86_400).default(0),
  as: STEADY_FAULT.default({ kind: "status", code: 500 }),
});

const FAULT = z.discriminatedUnion("kind", [...STEADY, FLAPPING]);

export type SteadyFault = z.output<typeof STEADY_FAULT>;
export type Fault = z.output<typeof FAULT>;
/** A fault as a caller writes it: what has a default may be left out. */
export type FaultInput = z.input<typeof FAULT>;
export const FAULT_SCHEMA: Schema<Fault> = FAULT;

export type FlappingFault = Extract<Fault, { kind: "flapping" }>;

/** What the listening socket does. */
export type ListenMode = "open" | "refused" | "unaccepted";

/** The fault in force `elapsedMs` after it was set. */
export function faultAt(fault: Fault, elapsedMs: number): SteadyFault {
  if (fault.kind !== "flapping") return fault;
  return flapAt(fault, elapsedMs).down ? fault.as : { kind: "up" };
}

/** Which side a flapping target is on, and for how much longer, ms. */
export function flapAt(fault: FlappingFault, elapsedMs: number): { down: boolean; leftMs: number } {
  const upMs = fault.upSeconds * 1000;
  const periodMs = upMs + fault.downSeconds * 1000;
  const atMs = (elapsedMs + fault.phaseSeconds * 1000) % periodMs;
  return atMs < upMs ? { down: false, leftMs: upMs - atMs } : { down: true, leftMs: periodMs - atMs };
}

export function listenModeOf(fault: SteadyFault): ListenMode {
  return fault.kind === "refused" || fault.kind === "unaccepted" ? fault.kind : "open";
}

/** True when the fault needs the listening socket for itself. */
export function needsListener(fault: Fault): boolean {
  return listenModeOf(fault.kind === "flapping" ? fault.as : fault) !== "open";
}
