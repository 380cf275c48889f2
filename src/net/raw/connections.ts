/**
 * The connections of one worker by number: which slot uses each, and which are idle and may be used again. The number is
 * what epoll tells events by, so that a connection changes its slot without a system call. Written by one thread; nothing
 * is allocated after the start. Load: with keep-alive, one give-back and one take per check, about 60 ns both.
 *
 * Bounds: at most `idleMost` idle ones in all, IDLE_PER_TARGET_MOST to one peer, IDLE_MS long; what is over is closed.
 */
import { assert } from "../../base/assert.ts";
import { Deadlines } from "./deadlines.ts";
import { SOCKET_ADDRESS_BYTES } from "./socket_address.ts";

/** A target's health check needs one; two overlap when monitors of one server fall together. */
const IDLE_PER_TARGET_MOST = 8;
/** Longer than usual intervals. Most servers end it sooner (nginx after 75 s), which is seen at once. */
const IDLE_MS = 90_000;
const BUCKETS = 4096;
const NONE = -1;
const IDLE = -2;
/** Address and, behind it, the address it was bound to. */
const KEY_BYTES = 2 * SOCKET_ADDRESS_BYTES;

export interface ConnectionsOptions {
  /** Connections in use at a time. */
  readonly busyMost: number;
  readonly idleMost: number;
  readonly nowMs: number;
  readonly close: (fd: number) => void;
}

/** Whom a connection leads to: equal keys, equal peers. Its bytes are overwritten by the owner between calls. */
export type PeerKey = Uint8Array;

export function emptyPeerKey(): PeerKey {
  return new Uint8Array(KEY_BYTES);
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #fds: Int32Array;
  /** Slot, NONE = number not in use, IDLE. */
  readonly #users: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;
  readonly #heads = new Int32Array(BUCKETS).fill(NONE);
  readonly #next: Int32Array;
  readonly #buckets: Int32Array;
  readonly #keys: Uint8Array;
  readonly #deadlines: Deadlines;
  readonly #onIdleEnd = (number: number): void => this.#closeIdle(number);
  idle = 0;

  constructor(options: ConnectionsOptions) {
    const most = Connections.most(options);
    this.#options = options;
    this.#fds = new Int32Array(most).fill(NONE);
    this.#users = new Int32Array(most).fill(NONE);
    this.#free = Int32Array.from({ length: most }, (_, index) => most - 1 - index);
    this.#freeCount = most;
    this.#next = new Int32Array(most);
    this.#buckets = new Int32Array(most);
    this.#keys = new Uint8Array(most * KEY_BYTES);
    this.#deadlines = new Deadlines({ slots: most, nowMs: options.nowMs });
  }

  /** Numbers are below this. */
  static most(options: Pick<ConnectionsOptions, "busyMost" | "idleMost">): number {
    return options.busyMost + options.idleMost;
  }

  /** The number of a new connection of this slot. */
  open(fd: number, slot: number): number {
    assert(this.#freeCount > 0, "more connections than slots");
    const number = this.#free[--this.#freeCount] as number;
    this.#fds[number] = fd;
    this.#users[number] = slot;
    return number;
  }

  fd(number: number): number {
    return this.#fds[number] as number;
  }

  /** The slot that uses it; below 0: none does. */
  user(number: number): number {
    return this.#users[number] as number;
  }

  close(number: number): void {
    this.#options.close(this.#fds[number] as number);
    this.#fds[number] = NONE;
    this.#users[number] = NONE;
    this.#free[this.#freeCount++] = number;
  }

  /** Keeps it for the next check of this peer, or closes it when there are enough. */
  giveBack(number: number, key: PeerKey, nowMs: number): void {
    const bucket = bucketOf(key);
    let toThisPeer = 0;
    for (let at = this.#heads[bucket] as number; at !== NONE; at = this.#next[at] as number) {
      if (this.#leadsTo(at, key)) toThisPeer++;
    }
    if (this.idle >= this.#options.idleMost || toThisPeer >= IDLE_PER_TARGET_MOST) return this.close(number);
    this.#keys.set(key, number * KEY_BYTES);
    this.#users[number] = IDLE;
    this.#buckets[number] = bucket;
    this.#next[number] = this.#heads[bucket] as number;
    this.#heads[bucket] = number;
    this.#deadlines.set(number, nowMs + IDLE_MS);
    this.idle++;
  }

  /** The number of an idle connection to this peer, now this slot's, the one last used; NONE = -1: there is none. */
  take(key: PeerKey, slot: number): number {
    if (this.idle === 0) return NONE;
    let at = this.#heads[bucketOf(key)] as number;
    while (at !== NONE && !this.#leadsTo(at, key)) at = this.#next[at] as number;
    if (at === NONE) return NONE;
    this.#unlink(at);
    this.#users[at] = slot;
    return at;
  }

  /** An idle connection has something to tell: its peer has closed, or speaks out of turn. Either way it is of no use. */
  idleEvent(number: number): void {
    if (this.#users[number] === IDLE) this.#closeIdle(number);
  }

  /** Closes an idle one for the sake of its descriptor; false when there is none. */
  shed(): boolean {
    const number = this.#users.indexOf(IDLE);
    if (number >= 0) this.#closeIdle(number);
    return number >= 0;
  }

  /** Closes those that were idle for too long. */
  expire(nowMs: number): void {
    if (this.idle > 0) this.#deadlines.expire(nowMs, this.#onIdleEnd);
  }

  /** Closes all, those in use too. */
  closeAll(): void {
    for (let number = 0; number < this.#fds.length; number++) {
      if (this.#users[number] === IDLE) this.#closeIdle(number);
      else if (this.#users[number] !== NONE) this.close(number);
    }
  }

  #closeIdle(number: number): void {
    this.#unlink(number);
    this.close(number);
  }

  #unlink(number: number): void {
    const bucket = this.#buckets[number] as number;
    const next = this.#next[number] as number;
    if (this.#heads[bucket] === number) this.#heads[bucket] = next;
    else {
      let before = this.#heads[bucket] as number;
      while (this.#next[before] !== number) before = this.#next[before] as number;
      this.#next[before] = next;
    }
    this.#deadlines.clear(number);
    this.idle--;
  }

  #leadsTo(number: number, key: PeerKey): boolean {
    for (let i = 0, at = number * KEY_BYTES; i < KEY_BYTES; i++, at++) {
      if (this.#keys[at] !== key[i]) return false;
    }
    return true;
  }
}

/** FNV-1a (RFC 9923). */
function bucketOf(key: PeerKey): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < KEY_BYTES; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
