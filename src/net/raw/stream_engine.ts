/**
 * Runs TCP exchanges on libc's sockets in an epoll loop that owns its thread: a new connection per attempt, deadlines that
 * free the socket, the kernel's own errno. Typical load: 10,000 checks a second, some hundred in flight, 40 µs each, nearly
 * all of it in the kernel. What is said and judged is the plan's (model/raw_probe.ts); this file knows no protocol.
 *
 *   connecting ──OUT──► sending ──all sent──► reading ──plan says so, or the peer ends──► settled
 *        └── error, deadline: settled, and tried again while there are retries
 *
 * In the steady state nothing is allocated: one exchange object per slot, made at its first use, three buffers per thread.
 */
import { assert } from "../../base/assert.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import * as c from "../../host/libc.ts";
import { TARGET_BYTES_MOST } from "../../model/raw_probe.ts";
import { REQUEST_BYTES_MOST } from "../../model/raw_probe.ts";
import { HANDED_OVER, LOCAL, type Outcome, OUTCOMES, type Reason, reasonIndex } from "../../model/outcome.ts";
import type { Exchange, Place, StreamPlan } from "../../model/raw_probe.ts";
import { Deadlines } from "./deadlines.ts";
import { Epoll } from "./epoll.ts";
import { failureOfErrno, localErrno } from "./errno.ts";
import { SOCKET_ADDRESS_BYTES, writeSocketAddress } from "./socket_address.ts";

/** A check as the engine gets it; the target is ASCII. */
export interface StreamCheck {
  readonly plan: StreamPlan;
  readonly timeoutMs: number;
  readonly retries: number;
}

/** How a check ended: the engine's own object, valid during the call of `ended`. */
export interface StreamEnd {
  readonly slot: number;
  readonly row: number;
  readonly outcome: number;
  readonly reason: number;
  readonly value: number;
  readonly text: string | undefined;
  readonly attempts: number;
  /** When the first attempt began, ms of `nowMs`. */
  readonly beganMs: number;
  /** Of the last attempt, from its start; 0 = not reached. */
  readonly connectUs: number;
  readonly firstByteUs: number;
}

export interface StreamEngineOptions {
  readonly libc: Libc;
  /** Slot numbers are below this. */
  readonly slots: number;
  readonly nowMs: () => number;
  /** Writes a row's target; bytes written. Asked at each start and again when there is something to send. */
  readonly target: (row: number, into: Uint8Array) => number;
  readonly ended: (end: StreamEnd) => void;
}

const RECEIVE_BYTES = 64 * 1024;

const CONNECTING = 1;
const SENDING = 2;
const READING = 3;
const CLOSED = 0;
const EVENTS = (c.EPOLLIN | c.EPOLLOUT | c.EPOLLRDHUP | c.EPOLLET) >>> 0;

export class StreamEngine {
  readonly #options: StreamEngineOptions;
  readonly #libc: Libc;
  readonly #epoll: Epoll;
  readonly #deadlines: Deadlines;
  readonly #slots: (Slot | undefined)[];
  readonly #target = new Uint8Array(TARGET_BYTES_MOST);
  readonly #place: Place = { hostFrom: 0, hostTo: 0, port: 0 };
  readonly #address: Memory;
  readonly #request: Memory;
  readonly #received: Memory;
  readonly #linger: Memory;
  readonly #error: Memory;
  readonly #errorBytes: Memory;
  readonly #onEvent = (slot: number, events: number): void => this.#handle(slot, events);
  readonly #onDeadline = (slot: number): void => this.#expire(slot);
  inFlight = 0;

  constructor(options: StreamEngineOptions) {
    const { libc } = options;
    this.#options = options;
    this.#libc = libc;
    this.#epoll = new Epoll(libc);
    this.#deadlines = new Deadlines({ slots: options.slots, nowMs: options.nowMs() });
    this.#slots = new Array<Slot | undefined>(options.slots).fill(undefined);
    this.#address = libc.allocate(SOCKET_ADDRESS_BYTES);
    this.#request = libc.allocate(REQUEST_BYTES_MOST);
    this.#received = libc.allocate(RECEIVE_BYTES);
    // struct linger { on = 1, seconds = 0 }: close() resets, so that no TIME_WAIT is left (socket(7)).
    this.#linger = libc.allocate(8);
    this.#linger.words[0] = 1;
    this.#error = libc.allocate(4);
    this.#errorBytes = libc.allocate(4);
  }

  /** Wakes poll() when this descriptor has an edge. */
  watch(fd: number): void {
    this.#epoll.watchWake(fd);
  }

  /** Begins a check; its end may come before this returns. The slot is taken until then. */
  start(slotNumber: number, row: number, check: StreamCheck): void {
    const slot = this.#slots[slotNumber] ??= new Slot(slotNumber, this.#options.nowMs);
    assert(slot.phase === CLOSED && slot.plan === undefined, `slot ${slotNumber} runs a check already`);
    slot.row = row;
    slot.plan = check.plan;
    slot.timeoutMs = check.timeoutMs;
    slot.retries = check.retries;
    slot.attempts = 0;
    slot.beganMs = this.#options.nowMs();
    this.inFlight++;
    this.#begin(slot);
  }

  /** Waits for events at most `waitMs` and handles what there is, deadlines included. */
  poll(waitMs: number): void {
    this.#epoll.poll(waitMs, this.#onEvent);
    this.#deadlines.expire(this.#options.nowMs(), this.#onDeadline);
  }

  /** How long poll() may wait for the sake of deadlines, at most `mostMs`. */
  waitMs(mostMs: number): number {
    return this.inFlight === 0 ? mostMs : this.#deadlines.waitMs(this.#options.nowMs(), mostMs);
  }

  /** Frees what is open, without an end for checks that still run. */
  close(): void {
    for (const slot of this.#slots) if (slot !== undefined && slot.fd >= 0) this.#libc.close(slot.fd);
    this.#epoll.close();
  }

  #begin(slot: Slot): void {
    const libc = this.#libc;
    slot.reset(this.#options.nowMs());
    const addressBytes = this.#writeAddress(slot);
    const family = this.#address.bytes[0] as number;
    const fd = libc.socket(family, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
    if (fd < 0) return this.#fail(slot, libc.errno());
    slot.fd = fd;
    slot.phase = CONNECTING;
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, this.#linger.pointer, 8);
    if (libc.connect(fd, this.#address.pointer, addressBytes) < 0) {
      const errno = libc.errno();
      // Interrupted, it goes on by itself (connect(2)).
      if (errno !== c.EINPROGRESS && errno !== c.EINTR) return this.#fail(slot, errno);
    }
    const errno = this.#epoll.add(fd, EVENTS, slot.slot);
    if (errno !== 0) return this.#fail(slot, errno);
    this.#deadlines.set(slot.slot, slot.attemptMs + slot.timeoutMs);
  }

  #writeAddress(slot: Slot): number {
    const plan = slot.plan as StreamPlan;
    const bytes = this.#options.target(slot.row, this.#target);
    plan.locate(this.#target, bytes, this.#place);
    return writeSocketAddress(this.#target, this.#place, this.#address.bytes);
  }

  #handle(slotNumber: number, events: number): void {
    const slot = this.#slots[slotNumber];
    if (slot === undefined || slot.phase === CLOSED) return;
    if (slot.phase === CONNECTING) {
      // An error and "writable" come together; an established connection has no error to tell.
      const errno = events & (c.EPOLLERR | c.EPOLLHUP) ? this.#takeError(slot) : 0;
      // Reset at once, it was established: a refusal is told otherwise.
      if (errno !== 0 && errno !== c.ECONNRESET) return this.#fail(slot, errno);
      if ((events & c.EPOLLOUT) === 0) return;
      slot.connectUs = slot.elapsedUs();
      slot.phase = SENDING;
      const plan = slot.plan as StreamPlan;
      const targetBytes = this.#options.target(slot.row, this.#target);
      const bytes = plan.request(this.#target, targetBytes, this.#request.bytes);
      if (!this.#send(slot, bytes)) return;
      if (errno !== 0) return this.#fail(slot, errno);
    } else if (slot.phase === SENDING && events & c.EPOLLOUT) {
      const rest = slot.unsent as Uint8Array;
      this.#request.bytes.set(rest);
      if (!this.#send(slot, rest.length)) return;
    }
    if (events & (c.EPOLLIN | c.EPOLLRDHUP | c.EPOLLERR | c.EPOLLHUP)) this.#receive(slot, events);
  }

  /** Sends from the request buffer; false when the check has ended by it. */
  #send(slot: Slot, bytes: number): boolean {
    let sent = 0;
    while (sent < bytes) {
      if (sent > 0) this.#request.bytes.copyWithin(0, sent, bytes);
      bytes -= sent;
      sent = this.#libc.send(slot.fd, this.#request.pointer, bytes, c.MSG_NOSIGNAL);
      if (sent >= 0) continue;
      const errno = this.#libc.errno();
      sent = 0;
      if (errno === c.EINTR) continue;
      if (errno === c.EAGAIN) {
        slot.unsent = this.#request.bytes.slice(0, bytes);
        return true;
      }
      this.#fail(slot, errno);
      return false;
    }
    slot.unsent = undefined;
    slot.phase = READING;
    if ((slot.plan as StreamPlan).sent(slot)) {
      this.#settled(slot);
      return false;
    }
    return true;
  }

  /** Edge-triggered: reads until there is no more, which a short read says unless the peer has ended (epoll(7)). */
  #receive(slot: Slot, events: number): void {
    const plan = slot.plan as StreamPlan;
    const ending = (events & (c.EPOLLRDHUP | c.EPOLLERR | c.EPOLLHUP)) !== 0;
    while (true) {
      const bytes = this.#libc.recv(slot.fd, this.#received.pointer, RECEIVE_BYTES, 0);
      if (bytes < 0) {
        const errno = this.#libc.errno();
        if (errno === c.EINTR) continue;
        if (errno === c.EAGAIN) return;
        return this.#fail(slot, errno);
      }
      if (bytes === 0) {
        plan.closed(slot);
        return this.#settled(slot);
      }
      slot.firstByteUs ||= slot.elapsedUs();
      if (plan.received(slot, this.#received.bytes, bytes)) return this.#settled(slot);
      if (bytes < RECEIVE_BYTES && !ending) return;
    }
  }

  /** The socket's pending error, cleared by the asking. */
  #takeError(slot: Slot): number {
    this.#errorBytes.words[0] = 4;
    this.#error.words[0] = 0;
    const { pointer, words } = this.#error;
    this.#libc.getsockopt(slot.fd, c.SOL_SOCKET, c.SO_ERROR, pointer, this.#errorBytes.pointer);
    return words[0] as number;
  }

  #fail(slot: Slot, errno: number): void {
    if (errno === c.ETIMEDOUT) return this.#timeOut(slot);
    let told = errno;
    if (errno === c.EHOSTUNREACH) {
      const length = this.#writeAddress(slot);
      told = localErrno(this.#libc, errno, { ...this.#address, length });
    }
    const { outcome, reason, value, text } = failureOfErrno(told);
    slot.settle(outcome, reason, value, text);
    this.#settled(slot);
  }

  #expire(slotNumber: number): void {
    const slot = this.#slots[slotNumber] as Slot;
    if (slot.phase !== CLOSED) this.#timeOut(slot);
  }

  #timeOut(slot: Slot): void {
    const reason = slot.phase === CONNECTING ? "connect_timeout" : "response_timeout";
    slot.settle("fail", reason, Math.round(slot.timeoutMs));
    this.#settled(slot);
  }

  /** The attempt is over: again, or the end. As lanes/run_check.ts: a local failure is tried again once at most. */
  #settled(slot: Slot): void {
    if (slot.fd >= 0) this.#libc.close(slot.fd);
    slot.fd = -1;
    slot.phase = CLOSED;
    this.#deadlines.clear(slot.slot);
    const { retries } = slot;
    const again = slot.outcome === FAIL_INDEX ? retries : slot.outcome === LOCAL && retries > 0 ? 1 : 0;
    if (slot.attempts <= again) return this.#begin(slot);
    this.inFlight--;
    slot.plan = undefined;
    this.#options.ended(slot);
    slot.forget();
  }
}

const FAIL_INDEX = OUTCOMES.indexOf("fail");

class Slot implements Exchange, StreamEnd {
  readonly slot: number;
  readonly #nowMs: () => number;
  row = 0;
  fd = -1;
  phase = CLOSED;
  plan: StreamPlan | undefined;
  timeoutMs = 0;
  retries = 0;
  attempts = 0;
  beganMs = 0;
  attemptMs = 0;
  connectUs = 0;
  firstByteUs = 0;
  unsent: Uint8Array | undefined;
  outcome = 0;
  reason = 0;
  value = 0;
  text: string | undefined;
  status = 0;
  leftBytes = 0;
  flags = 0;
  state: object | undefined;

  constructor(slot: number, nowMs: () => number) {
    this.slot = slot;
    this.#nowMs = nowMs;
  }

  reset(nowMs: number): void {
    this.attempts++;
    this.attemptMs = nowMs;
    this.connectUs = 0;
    this.firstByteUs = 0;
    this.status = 0;
    this.leftBytes = 0;
    this.flags = 0;
    this.forget();
  }

  /** Lets go of what an idle slot should not keep. */
  forget(): void {
    this.unsent = undefined;
    this.text = undefined;
    this.state = undefined;
  }

  elapsedMs(): number {
    return this.#nowMs() - this.attemptMs;
  }

  elapsedUs(): number {
    return Math.max(1, Math.round(this.elapsedMs() * 1000));
  }

  settle(outcome: Outcome | "handed_over", reason: Reason, value: number, text?: string): void {
    this.outcome = outcome === "handed_over" ? HANDED_OVER : OUTCOMES.indexOf(outcome);
    this.reason = reasonIndex(reason);
    this.value = value;
    this.text = text;
  }
}
