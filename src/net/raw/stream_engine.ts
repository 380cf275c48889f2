/**
 * Runs TCP exchanges on libc's sockets in an epoll loop that owns its thread: deadlines that free the socket, the kernel's own
 * errno. Typical load: 10,000 checks a second, some hundred in flight, 40 µs each, nearly all of it in the kernel. What
 * is said and judged is the plan's (model/raw_probe.ts); this file knows no protocol.
 *
 *   connecting ──OUT──► sending ──all sent──► reading ──plan says so, or the peer ends──► settled
 *        └── error, deadline: settled, and tried again while there are retries
 *
 * A new connection per attempt, unless the plan keeps them (connections.ts). One that was kept and turns out dead before a
 * byte of the answer says nothing of the target: the attempt goes on, once, over a new one.
 * In the steady state nothing is allocated: one slot object per slot, made at its first use, three buffers per thread.
 */
import { assert } from "../../base/assert.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import * as c from "../../host/libc.ts";
import { FAIL, LOCAL } from "../../model/outcome.ts";
import type { RawEngineOptions } from "../../model/raw_engine.ts";
import { REQUEST_BYTES_MOST, type StreamPlan, TARGET_BYTES_MOST } from "../../model/raw_probe.ts";
import { Connections, emptyPeerKey } from "./connections.ts";
import { Deadlines } from "./deadlines.ts";
import type { Epoll } from "./epoll.ts";
import { NO_ANSWER } from "../names.ts";
import { failureOfErrno, localErrno } from "./errno.ts";
import { SOCKET_ADDRESS_BYTES, SourceAddresses } from "./socket_address.ts";
import { PeerAddress } from "./peer_address.ts";
import { NAME_POLL_MS, NO_NAME, RESOLVING } from "./raw_names.ts";
import { CLOSED, CONNECTING, NO_CONNECTION, READING, SENDING, StreamSlot } from "./stream_slot.ts";

/** A check as the engine gets it; the target is ASCII. */
export interface StreamCheck {
  readonly plan: StreamPlan;
  readonly timeoutMs: number;
  readonly retries: number;
}

export interface StreamEngineOptions
  extends Pick<RawEngineOptions, "slots" | "nowMs" | "target" | "ended" | "names"> {
  readonly libc: Libc;
  readonly epoll: Epoll;
  /** Most open files of this process. */
  readonly descriptors: number;
}

const RECEIVE_BYTES = 64 * 1024;
/** Kept connections of a worker, in all. */
const IDLE_MOST = 16_384;
const EVENTS = (c.EPOLLIN | c.EPOLLOUT | c.EPOLLRDHUP | c.EPOLLET) >>> 0;
const ENDING = c.EPOLLRDHUP | c.EPOLLERR | c.EPOLLHUP;

export class StreamEngine {
  readonly #options: StreamEngineOptions;
  readonly #libc: Libc;
  readonly #deadlines: Deadlines;
  readonly #connections: Connections;
  readonly #sources: SourceAddresses;
  readonly #key = emptyPeerKey();
  readonly #slots: (StreamSlot | undefined)[];
  readonly #target = new Uint8Array(TARGET_BYTES_MOST);
  readonly #peer: PeerAddress;
  readonly #request: Memory;
  readonly #received: Memory;
  readonly #option: Memory;
  readonly #error: Memory;
  readonly #errorBytes: Memory;
  readonly #onDeadline = (slot: number): void => this.#expire(slot);
  readonly #onName = (slot: number): void => this.#nameChanged(slot);
  inFlight = 0;

  constructor(options: StreamEngineOptions) {
    const { libc, slots } = options;
    this.#options = options;
    this.#libc = libc;
    const nowMs = options.nowMs();
    this.#deadlines = new Deadlines({ slots, nowMs });
    this.#connections = new Connections({ ...boundsOf(slots), nowMs, close: (fd) => void libc.close(fd) });
    this.#sources = new SourceAddresses(libc);
    this.#slots = new Array<StreamSlot | undefined>(slots).fill(undefined);
    this.#peer = new PeerAddress(options);
    this.#request = libc.allocate(REQUEST_BYTES_MOST);
    this.#received = libc.allocate(RECEIVE_BYTES);
    this.#option = libc.allocate(8);
    this.#error = libc.allocate(4);
    this.#errorBytes = libc.allocate(4);
  }

  /** Numbers of its descriptors in epoll are below this. */
  static numbers(slots: number): number {
    return Connections.most(boundsOf(slots));
  }

  start(slotNumber: number, row: number, check: StreamCheck): void {
    const slot = this.#slots[slotNumber] ??= new StreamSlot(slotNumber, this.#options.nowMs);
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

  /** What epoll says of one of its descriptors. */
  handle(number: number, events: number): void {
    const user = this.#connections.user(number);
    if (user >= 0) this.#handle(this.#slots[user] as StreamSlot, events);
    else if (events & (c.EPOLLIN | ENDING)) this.#connections.idleEvent(number);
  }

  expire(): void {
    const nowMs = this.#options.nowMs();
    this.#deadlines.expire(nowMs, this.#onDeadline);
    this.#peer.names?.eachWaiting(this.#onName);
    this.#connections.expire(nowMs);
  }

  waitMs(mostMs: number): number {
    if (this.inFlight === 0) return mostMs;
    const waitMs = this.#deadlines.waitMs(this.#options.nowMs(), mostMs);
    return this.#peer.names?.isWaiting ? Math.min(waitMs, NAME_POLL_MS) : waitMs;
  }

  close(): void {
    this.#connections.closeAll();
  }

  #begin(slot: StreamSlot): void {
    slot.reset(this.#options.nowMs());
    this.#deadlines.set(slot.slot, slot.attemptMs + slot.timeoutMs);
    if (this.#findName(slot)) this.#reach(slot);
  }

  /** True when there is an address; false when it is waited for, or the attempt has ended. */
  #findName(slot: StreamSlot): boolean {
    const failure = this.#peer.find(slot);
    if (slot.phase === RESOLVING) return false;
    if (failure === undefined) {
      if (slot.name !== NO_NAME) slot.dnsUs = slot.elapsedUs();
      return true;
    }
    slot.settle(failure.outcome, failure.reason, failure.value, failure.text);
    this.#settled(slot);
    return false;
  }

  /** The name of a waiting slot may have been answered. */
  #nameChanged(slotNumber: number): void {
    const slot = this.#slots[slotNumber] as StreamSlot;
    if (slot.phase !== RESOLVING) return;
    slot.phase = CLOSED;
    if (this.#findName(slot)) this.#reach(slot);
  }

  /** Over a kept connection or a new one. */
  #reach(slot: StreamSlot): void {
    const plan = slot.plan as StreamPlan;
    const addressBytes = this.#peer.write(slot);
    if (!plan.keepAlive) return this.#connect(slot, addressBytes);
    this.#writeKey(plan);
    const number = this.#connections.take(this.#key, slot.slot);
    if (number < 0) return this.#connect(slot, addressBytes);
    slot.connection = number;
    slot.fd = this.#connections.fd(number);
    slot.reused = true;
    this.#say(slot);
  }

  #connect(slot: StreamSlot, addressBytes: number): void {
    const libc = this.#libc;
    const family = this.#peer.memory.bytes[0] as number;
    const type = c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC;
    let fd = libc.socket(family, type, 0);
    if (fd < 0 && libc.errno() === c.EMFILE && this.#connections.shed()) fd = libc.socket(family, type, 0);
    if (fd < 0) return this.#fail(slot, libc.errno());
    slot.fd = fd;
    slot.connection = this.#connections.open(fd, slot.slot);
    slot.phase = CONNECTING;
    if (slot.tries > 1) this.#shareTime(slot);
    // struct linger { on = 1, seconds = 0 }: close() resets, so that no TIME_WAIT is left (socket(7)).
    const { words, pointer } = this.#option;
    words[0] = 1;
    words[1] = 0;
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_LINGER, pointer, 8);
    const { source } = slot.plan as StreamPlan;
    if (source !== "") {
      const errno = this.#sources.bind(fd, source);
      if (errno !== 0) return this.#fail(slot, errno, `cannot send from ${source}`);
    }
    if (libc.connect(fd, this.#peer.memory.pointer, addressBytes) < 0) {
      const errno = libc.errno();
      // Interrupted, it goes on by itself (connect(2)).
      if (errno !== c.EINPROGRESS && errno !== c.EINTR) return this.#fail(slot, errno);
    }
    const errno = this.#options.epoll.add(fd, EVENTS, slot.connection);
    if (errno !== 0) this.#fail(slot, errno);
  }

  /** An address that swallows packets must leave time for those behind it; the last has all that is left. */
  #shareTime(slot: StreamSlot): void {
    const leftMs = slot.timeoutMs - slot.elapsedMs();
    this.#deadlines.set(slot.slot, this.#options.nowMs() + leftMs / (slot.tries - slot.nth));
  }

  /** Goes to the next address when this one cannot be connected to; what one has said of the target stands. */
  #tryNext(slot: StreamSlot): boolean {
    if (slot.phase !== CONNECTING || slot.nth + 1 >= slot.tries) return false;
    if (slot.outcome === FAIL) slot.evidence = true;
    this.#release(slot);
    slot.nth++;
    this.#connect(slot, this.#peer.write(slot));
    return true;
  }

  /** After the peer's address was written. */
  #writeKey(plan: StreamPlan): void {
    const { bytes } = this.#peer.memory;
    for (let i = 0; i < SOCKET_ADDRESS_BYTES; i++) this.#key[i] = bytes[i] as number;
    const source = this.#sources.of(plan.source);
    for (let i = 0; i < SOCKET_ADDRESS_BYTES; i++) this.#key[SOCKET_ADDRESS_BYTES + i] = source[i] as number;
  }

  #handle(slot: StreamSlot, events: number): void {
    if (slot.phase === CONNECTING) {
      // An error and "writable" come together; an established connection has no error to tell.
      const errno = events & (c.EPOLLERR | c.EPOLLHUP) ? this.#takeError(slot) : 0;
      // Reset at once, it was established: a refusal is told otherwise.
      if (errno !== 0 && errno !== c.ECONNRESET) return this.#fail(slot, errno);
      if ((events & c.EPOLLOUT) === 0) return;
      slot.connectUs = slot.elapsedUs();
      if (slot.tries > 1) this.#deadlines.set(slot.slot, slot.attemptMs + slot.timeoutMs);
      if (!this.#say(slot)) return;
      if (errno !== 0) return this.#fail(slot, errno);
    } else if (slot.phase === SENDING && events & c.EPOLLOUT) {
      const rest = slot.unsent as Uint8Array;
      this.#request.bytes.set(rest);
      if (!this.#send(slot, rest.length)) return;
    }
    if (events & (c.EPOLLIN | ENDING)) this.#receive(slot, events);
  }

  /** Sends what the plan says first; false when the check has ended by it, or begun anew. */
  #say(slot: StreamSlot): boolean {
    slot.phase = SENDING;
    const targetBytes = this.#options.target(slot.row, this.#target);
    const bytes = (slot.plan as StreamPlan).request(this.#target, targetBytes, this.#request.bytes);
    return this.#send(slot, bytes);
  }

  /** Sends from the request buffer; false when the check has ended by it, or begun anew. */
  #send(slot: StreamSlot, bytes: number): boolean {
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
  #receive(slot: StreamSlot, events: number): void {
    const plan = slot.plan as StreamPlan;
    const ending = (events & ENDING) !== 0;
    while (true) {
      const bytes = this.#libc.recv(slot.fd, this.#received.pointer, RECEIVE_BYTES, 0);
      if (bytes < 0) {
        const errno = this.#libc.errno();
        if (errno === c.EINTR) continue;
        if (errno === c.EAGAIN) return;
        return this.#fail(slot, errno);
      }
      if (bytes === 0) {
        if (wasDead(slot)) return this.#renew(slot);
        plan.closed(slot);
        return this.#settled(slot);
      }
      slot.firstByteUs ||= slot.elapsedUs();
      if (plan.received(slot, this.#received.bytes, bytes)) {
        // Of no use when the peer is closing, or when more has come than the answer.
        if (ending || bytes === RECEIVE_BYTES) slot.reusable = false;
        return this.#settled(slot);
      }
      if (bytes < RECEIVE_BYTES && !ending) return;
    }
  }

  /** The socket's pending error, cleared by the asking. */
  #takeError(slot: StreamSlot): number {
    this.#errorBytes.words[0] = 4;
    this.#error.words[0] = 0;
    const { pointer, words } = this.#error;
    this.#libc.getsockopt(slot.fd, c.SOL_SOCKET, c.SO_ERROR, pointer, this.#errorBytes.pointer);
    return words[0] as number;
  }

  #fail(slot: StreamSlot, errno: number, more?: string): void {
    if (wasDead(slot)) return this.#renew(slot);
    if (errno === c.ETIMEDOUT) return this.#timeOut(slot);
    let told = errno;
    if (errno === c.EHOSTUNREACH) {
      const length = this.#peer.write(slot);
      told = localErrno(this.#libc, errno, { ...this.#peer.memory, length });
    }
    const { outcome, reason, value, text } = failureOfErrno(told);
    if (!slot.evidence || outcome === "fail") slot.settle(outcome, reason, value, more ?? text);
    if (!this.#tryNext(slot)) this.#settled(slot);
  }

  /** The same attempt once more, over a new connection and within the same deadline. */
  #renew(slot: StreamSlot): void {
    this.#release(slot);
    slot.rewind();
    this.#connect(slot, this.#peer.write(slot));
  }

  #expire(slotNumber: number): void {
    const slot = this.#slots[slotNumber] as StreamSlot;
    if (slot.phase !== CLOSED) this.#timeOut(slot);
  }

  #timeOut(slot: StreamSlot): void {
    if (slot.phase === RESOLVING) slot.settle("local", "local_resolver", 0, NO_ANSWER);
    else {
      const reason = slot.phase === CONNECTING ? "connect_timeout" : "response_timeout";
      slot.settle("fail", reason, Math.round(slot.timeoutMs));
    }
    if (!this.#tryNext(slot)) this.#settled(slot);
  }

  #release(slot: StreamSlot): void {
    if (slot.connection !== NO_CONNECTION) this.#connections.close(slot.connection);
    slot.connection = NO_CONNECTION;
    slot.fd = -1;
    slot.phase = CLOSED;
  }

  /** The attempt is over: again, or the end. As lanes/run_check.ts: a local failure is tried again once at most. */
  #settled(slot: StreamSlot): void {
    if (slot.reusable && (slot.plan as StreamPlan).keepAlive) this.#keep(slot);
    this.#release(slot);
    this.#deadlines.clear(slot.slot);
    const { retries } = slot;
    const again = slot.outcome === FAIL ? retries : slot.outcome === LOCAL && retries > 0 ? 1 : 0;
    if (slot.attempts <= again) return this.#begin(slot);
    this.inFlight--;
    slot.plan = undefined;
    this.#options.ended(slot);
    slot.forget();
  }

  #keep(slot: StreamSlot): void {
    // The kernel gives the lowest free number: one so high says that half of those allowed are open.
    if (slot.fd >= this.#options.descriptors / 2) return;
    this.#peer.write(slot);
    this.#writeKey(slot.plan as StreamPlan);
    this.#connections.giveBack(slot.connection, this.#key, this.#options.nowMs());
    slot.connection = NO_CONNECTION;
  }
}

/** Nothing came over a connection that had been kept: it may have been dead before this attempt. */
function wasDead(slot: StreamSlot): boolean {
  return slot.reused && slot.firstByteUs === 0;
}

function boundsOf(slots: number): { readonly busyMost: number; readonly idleMost: number } {
  return { busyMost: slots, idleMost: IDLE_MOST };
}
