/**
 * The echo engine for a thread with an event loop: where there is no raw lane, and for hosts that it does not take. Looks for answers every
 * POLL_MS while checks run; the kernel's time of arrival keeps round trips true all the same. Load: some hundred at a time.
 */
import { randomInt } from "node:crypto";
import { Buffer } from "node:buffer";
import { openLibc } from "../../host/libc.ts";
import type { RawEnd } from "../../model/raw_engine.ts";
import type { EchoPlan } from "../../model/raw_probe.ts";
import { EchoEngine } from "./echo_engine.ts";
import { Epoll } from "./epoll.ts";

export interface EchoRequest {
  /** A plain address literal. */
  readonly address: string;
  readonly plan: EchoPlan;
  readonly timeoutMs: number;
}

/** The end, as a value of its own; "busy": SLOTS checks run already. When the signal fires it ends as at its deadline. */
export type RunEcho = (request: EchoRequest, signal: AbortSignal) => Promise<RawEnd | "busy">;

const POLL_MS = 2;
const SLOTS = 4096;

/** One per thread; undefined where libc cannot be called. */
export function openEchoLoop(): Promise<RunEcho | undefined> {
  return opened ??= open();
}

let opened: Promise<RunEcho | undefined> | undefined;

async function open(): Promise<RunEcho | undefined> {
  const libc = await openLibc();
  if (libc === undefined) return undefined;
  const addresses: Buffer[] = [];
  const waiting = new Map<number, (end: RawEnd) => void>();
  const free = Array.from({ length: SLOTS }, (_, index) => SLOTS - 1 - index);
  const epoll = new Epoll(libc);
  const engine = new EchoEngine({
    libc,
    epoll,
    slots: SLOTS,
    firstNumber: 0,
    nonce: randomInt(2 ** 32),
    nowMs: () => performance.now(),
    target(row, into) {
      const address = addresses[row] as Buffer;
      into.set(address);
      return address.length;
    },
    ended: (end) => waiting.get(end.slot)?.(fieldsOf(end)),
  });
  const handle = (number: number, events: number) => engine.handle(number, events);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const poll = () => {
    epoll.poll(0, handle);
    engine.expire();
    timer = engine.inFlight > 0 ? setTimeout(poll, POLL_MS) : undefined;
  };
  return ({ address, plan, timeoutMs }, signal) => {
    const slot = free.pop();
    if (slot === undefined) return Promise.resolve("busy");
    return new Promise((settle) => {
      const onAbort = () => engine.cancel(slot);
      waiting.set(slot, (end) => {
        signal.removeEventListener("abort", onAbort);
        waiting.delete(slot);
        free.push(slot);
        settle(end);
      });
      signal.addEventListener("abort", onAbort, { once: true });
      addresses[slot] = Buffer.from(address);
      engine.start(slot, slot, { plan, timeoutMs, retries: 0 });
      timer ??= setTimeout(poll, POLL_MS);
    });
  };
}

function fieldsOf(end: RawEnd): RawEnd {
  const { slot, outcome, reason, value, text, attempts, beganMs, dnsUs, connectUs, firstByteUs } = end;
  return { slot, outcome, reason, value, text, attempts, beganMs, dnsUs, connectUs, firstByteUs };
}
