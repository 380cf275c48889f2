/** The raw engine with the probes that can run on it: which plan a policy has, made once per policy and thread. */
import { randomInt } from "node:crypto";
import { type Libc, openLibc } from "../host/libc.ts";
import { descriptorLimit } from "../host/limits.ts";
import { LOCAL, reasonIndex } from "../model/outcome.ts";
import type { AnyProbe } from "../model/plugin.ts";
import type { RawAbilities } from "../model/raw_probe.ts";
import type { RawEnd, RawEngine, RawEngineOptions, RawPolicy } from "../model/raw_engine.ts";
import { type EchoCheck, EchoEngine } from "../net/raw/echo_engine.ts";
import { Epoll } from "../net/raw/epoll.ts";
import { type StreamCheck, StreamEngine } from "../net/raw/stream_engine.ts";

/** What a policy is on this thread. */
type Check = StreamCheck | EchoCheck;

/** Rejects where there is no FFI: the engine asks before it sends checks here. */
export async function createProbeEngine(
  probes: readonly AnyProbe[],
  options: RawEngineOptions,
): Promise<RawEngine> {
  const libc = await openLibc();
  if (libc === undefined) throw new Error("Cannot run raw checks: no C library by FFI here");
  return new ProbeEngine(probes, { ...options, libc, epoll: new Epoll(libc) });
}

class ProbeEngine implements RawEngine {
  readonly #probes: readonly AnyProbe[];
  readonly #options: RawEngineOptions;
  readonly #epoll: Epoll;
  readonly #streams: StreamEngine;
  readonly #echoes: EchoEngine;
  readonly #checks = new Map<RawPolicy, Check | undefined>();
  /** Numbers in epoll from here on are the echo engine's. */
  readonly #echoNumber: number;
  readonly #onEvent = (number: number, events: number): void => {
    if (number < this.#echoNumber) this.#streams.handle(number, events);
    else this.#echoes.handle(number, events);
  };

  constructor(
    probes: readonly AnyProbe[],
    options: RawEngineOptions & { readonly libc: Libc; readonly epoll: Epoll },
  ) {
    this.#probes = probes;
    this.#options = options;
    this.#epoll = options.epoll;
    this.#streams = new StreamEngine({ ...options, descriptors: descriptorLimit() });
    this.#echoNumber = StreamEngine.numbers(options.slots);
    this.#echoes = new EchoEngine({ ...options, firstNumber: this.#echoNumber, nonce: randomInt(2 ** 32) });
    this.#epoll.watchWake(options.wakeFd);
  }

  get inFlight(): number {
    return this.#streams.inFlight + this.#echoes.inFlight;
  }

  start(slot: number, row: number): void {
    const check = this.#checkOf(this.#options.policyOf(row));
    if (check === undefined) return this.#options.ended(unknownKind(slot));
    if (isStream(check)) this.#streams.start(slot, row, check);
    else this.#echoes.start(slot, row, check);
  }

  poll(waitMs: number): void {
    this.#epoll.poll(waitMs, this.#onEvent);
    this.#streams.expire();
    this.#echoes.expire();
  }

  waitMs(mostMs: number): number {
    return this.#echoes.waitMs(this.#streams.waitMs(mostMs));
  }

  close(): void {
    this.#streams.close();
    this.#echoes.close();
    this.#epoll.close();
  }

  #checkOf(policy: RawPolicy): Check | undefined {
    if (this.#checks.has(policy)) return this.#checks.get(policy);
    const { probe: { kind, config }, timeoutMs, retries } = policy;
    const plan = this.#probes.find((probe) => probe.kind === kind)?.raw?.plan(config);
    const check = plan === undefined ? undefined : { plan, timeoutMs, retries } as Check;
    this.#checks.set(policy, check);
    return check;
  }
}

function isStream(check: Check): check is StreamCheck {
  return check.plan.transport === "stream";
}

/** Whether a monitor's checks can run raw. */
export function suitsRaw(
  probes: readonly AnyProbe[],
  { kind, target, config }: { readonly kind: string; readonly target: string; readonly config: unknown },
  can: RawAbilities,
): boolean {
  return probes.find((probe) => probe.kind === kind)?.raw?.suits(target, config, can) ?? false;
}

/** Broken routing, told as our own fault rather than thrown across threads. */
function unknownKind(slot: number): RawEnd {
  return {
    slot,
    outcome: LOCAL,
    reason: reasonIndex("local_fault"),
    value: 0,
    text: "kind without a raw engine",
    attempts: 1,
    beganMs: performance.now(),
    dnsUs: 0,
    connectUs: 0,
    firstByteUs: 0,
  };
}
