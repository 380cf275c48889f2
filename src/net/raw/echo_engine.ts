/**
 * Runs echo checks (ICMP, ICMPv6) beside the stream engine, in the same epoll loop: one socket per address family and source,
 * however many checks. Typical load: 100,000 a second, each 5 µs, nearly all of it in the kernel. What the answers come
 * to is the plan's (model/raw_probe.ts).
 *
 *   sent ──answer──► next echo after the plan's interval, until `count` ──all answered or given up, or deadline──► judged
 *     └── ICMP error: that echo is given up
 *
 * An answer counts when socket, sequence and token name an echo that waits: late, repeated and foreign ones do not.
 */
import { assert } from "../../base/assert.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import * as c from "../../host/libc.ts";
import { permissionAdvice } from "../../host/ping_permission.ts";
import { FAIL, LOCAL } from "../../model/outcome.ts";
import type { RawEngineOptions } from "../../model/raw_engine.ts";
import {
  ECHOES_MOST,
  type EchoPlan,
  type IcmpError,
  type Place,
  TARGET_BYTES_MOST,
} from "../../model/raw_probe.ts";
import { Deadlines } from "./deadlines.ts";
import { type EchoClocks, EchoSlot } from "./echo_slot.ts";
import { Batch, EchoSocket, MESSAGE_LAYOUT as L } from "./echo_socket.ts";
import type { Epoll } from "./epoll.ts";
import { failureOfErrno, localErrno } from "./errno.ts";
import { NO_ANSWER } from "../names.ts";
import { preferOf } from "./peer_address.ts";
import { isName, NAME_POLL_MS, RawNames, RESOLVING } from "./raw_names.ts";
import { emptyEcho, emptyFound, readAnswer, readEcho, writeEcho } from "./icmp_packet.ts";
import {
  formatSocketAddress,
  SOCKET_ADDRESS_BYTES,
  SourceAddresses,
  writeSocketAddress,
} from "./socket_address.ts";

/** A check as the engine gets it; the target is an address literal, or a name where there are names. */
export interface EchoCheck {
  readonly plan: EchoPlan;
  readonly timeoutMs: number;
  readonly retries: number;
}

export interface EchoEngineOptions
  extends Pick<RawEngineOptions, "slots" | "nowMs" | "target" | "ended" | "names"> {
  readonly libc: Libc;
  readonly epoll: Epoll;
  /** Numbers in epoll from here on are this engine's, SOCKETS_MOST of them. */
  readonly firstNumber: number;
  /** 32 bits that other engines do not have: all raw sockets of a machine see the same answers. */
  readonly nonce: number;
}

/** Families times sources. */
const SOCKETS_MOST = 64;
const SEQUENCES = 0x10000;

export class EchoEngine {
  readonly #options: EchoEngineOptions;
  readonly #libc: Libc;
  readonly #deadlines: Deadlines;
  readonly #sources: SourceAddresses;
  readonly #batch: Batch;
  readonly #slots: (EchoSlot | undefined)[];
  readonly #sockets: EchoSocket[] = [];
  /** By family, permission and source; and, without making that name, by plan. */
  readonly #socketOf = new Map<string, EchoSocket>();
  readonly #v4 = new WeakMap<EchoPlan, EchoSocket>();
  readonly #v6 = new WeakMap<EchoPlan, EchoSocket>();
  /** Who used a sequence number last: for ICMP errors that quote no more than it. */
  readonly #slotOfSequence = new Int32Array(SEQUENCES);
  readonly #indexOfSequence = new Uint8Array(SEQUENCES);
  readonly #echo = emptyEcho();
  readonly #found = emptyFound();
  readonly #target = new Uint8Array(TARGET_BYTES_MOST);
  readonly #time: Memory;
  readonly #onDeadline = (slot: number): void => this.#expire(slot);
  readonly #onName = (slot: number): void => this.#nameChanged(slot);
  readonly #names: RawNames | undefined;
  readonly #clocks: EchoClocks;
  readonly #place: Place = { hostFrom: 0, hostTo: 0, port: 0 };
  readonly #range = { from: 0, to: 0, family: 4 as 4 | 6, hasIpHeader: false };
  #sequence = 0;
  inFlight = 0;

  constructor(options: EchoEngineOptions) {
    const { libc, slots } = options;
    assert(ECHOES_MOST <= 256, "an echo's index is one byte");
    this.#options = options;
    this.#libc = libc;
    this.#deadlines = new Deadlines({ slots, nowMs: options.nowMs() });
    this.#sources = new SourceAddresses(libc);
    this.#batch = new Batch(libc);
    this.#slots = new Array<EchoSlot | undefined>(slots).fill(undefined);
    this.#names = options.names && new RawNames(options.names);
    this.#time = libc.allocate(16);
    this.#clocks = { nowMs: options.nowMs, wallUs: () => this.#wallUs() };
  }

  start(slotNumber: number, row: number, check: EchoCheck): void {
    const slot = this.#slots[slotNumber] ??= new EchoSlot(slotNumber, this.#clocks);
    assert(slot.plan === undefined, `slot ${slotNumber} runs a check already`);
    slot.row = row;
    slot.plan = check.plan;
    slot.timeoutMs = check.timeoutMs;
    slot.retries = check.retries;
    slot.attempts = 0;
    slot.beganMs = this.#options.nowMs();
    this.inFlight++;
    this.#begin(slot);
  }

  /** Ends a check as its deadline would. */
  cancel(slotNumber: number): void {
    const slot = this.#slots[slotNumber];
    if (slot?.plan !== undefined) this.#judge(slot);
  }

  /** What epoll says of one of its sockets. */
  handle(number: number, events: number): void {
    const socket = this.#sockets[number - this.#options.firstNumber] as EchoSocket;
    if (events & c.EPOLLIN) this.#receive(socket);
    if (events & c.EPOLLERR) {
      this.#receiveErrors(socket);
      socket.clearError();
    }
  }

  expire(): void {
    for (const socket of this.#sockets) socket.forgetDrops();
    this.#deadlines.expire(this.#options.nowMs(), this.#onDeadline);
    this.#names?.eachWaiting(this.#onName);
  }

  waitMs(mostMs: number): number {
    if (this.inFlight === 0) return mostMs;
    const waitMs = this.#deadlines.waitMs(this.#options.nowMs(), mostMs);
    return this.#names?.isWaiting ? Math.min(waitMs, NAME_POLL_MS) : waitMs;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #begin(slot: EchoSlot): void {
    const { nowMs } = this.#options;
    slot.reset(nowMs(), (slot.plan as EchoPlan).count);
    this.#place.hostTo = this.#options.target(slot.row, this.#target);
    if (isName(this.#target, this.#place)) return this.#findName(slot);
    slot.addressBytes = writeSocketAddress(this.#target, this.#place, slot.address);
    this.#beginAt(slot);
  }

  /** Goes on when there is an address; else it is waited for, or the attempt has ended. */
  #findName(slot: EchoSlot): void {
    const names = this.#names as RawNames;
    const prefer = preferOf(slot.plan as EchoPlan);
    const failure = names.find(slot, { text: this.#target, place: this.#place, prefer });
    if (slot.phase === RESOLVING) {
      return this.#deadlines.set(slot.slot, slot.attemptMs + slot.timeoutMs);
    }
    if (failure !== undefined) {
      slot.settle(failure.outcome, failure.reason, failure.value, failure.text);
      return this.#settled(slot);
    }
    slot.dnsUs = Math.max(1, Math.round((this.#options.nowMs() - slot.attemptMs) * 1000));
    slot.addressBytes = names.writeAddress(slot, { port: 0, prefer }, slot.address);
    this.#beginAt(slot);
  }

  /** The name of a waiting slot may have been answered. */
  #nameChanged(slotNumber: number): void {
    const slot = this.#slots[slotNumber] as EchoSlot;
    if (slot.plan === undefined || slot.phase !== RESOLVING) return;
    slot.phase = 0;
    this.#place.hostTo = this.#options.target(slot.row, this.#target);
    this.#findName(slot);
  }

  #beginAt(slot: EchoSlot): void {
    const plan = slot.plan as EchoPlan;
    const socket = this.#socketFor(slot, plan);
    if (typeof socket === "number") return this.#fail(slot, socket, plan);
    slot.socket = socket;
    slot.dropsBefore = socket.recentDrops;
    this.#send(slot, socket);
  }

  /** The next echo, and when to look after it again. */
  #send(slot: EchoSlot, socket: EchoSocket): void {
    const { nonce } = this.#options;
    const plan = slot.plan as EchoPlan;
    const echo = this.#echo;
    this.#sequence = (this.#sequence + 1) % SEQUENCES;
    echo.identifier = socket.identifier;
    echo.sequence = this.#sequence;
    echo.nonce = nonce;
    echo.slot = slot.slot;
    echo.check = slot.check;
    echo.index = slot.sent;
    this.#slotOfSequence[echo.sequence] = slot.slot;
    this.#indexOfSequence[echo.sequence] = slot.sent;
    writeEcho(socket.packet, echo, socket.family);
    socket.address.bytes.set(slot.address);
    slot.sending(echo.sequence);
    const errno = socket.send(slot.addressBytes);
    if (errno !== 0) return this.#fail(slot, errno, plan);
    const endMs = slot.attemptMs + slot.timeoutMs;
    const intervalMs = Math.min(plan.intervalMs, slot.timeoutMs / (plan.count + 1));
    this.#deadlines.set(slot.slot, slot.sent < plan.count ? slot.attemptMs + slot.sent * intervalMs : endMs);
  }

  #expire(slotNumber: number): void {
    const slot = this.#slots[slotNumber] as EchoSlot;
    if (slot.plan === undefined) return;
    if (slot.phase === RESOLVING) {
      slot.settle("local", "local_resolver", 0, NO_ANSWER);
      return this.#settled(slot);
    }
    const isOver = this.#options.nowMs() >= slot.attemptMs + slot.timeoutMs;
    if (!isOver && slot.sent < slot.count) this.#send(slot, slot.socket as EchoSocket);
    else this.#judge(slot);
  }

  #receive(socket: EchoSocket): void {
    const batch = this.#batch;
    const range = this.#range;
    const count = batch.receive(socket.fd, 0);
    range.family = socket.family;
    range.hasIpHeader = socket.raw && socket.family === 4;
    for (let i = 0; i < count; i++) {
      range.from = batch.from(i);
      range.to = batch.to(i);
      const answer = readAnswer(batch.bytes, range, this.#found);
      if (answer === "reply") this.#answer(socket, batch.arrivedUs(i));
      else if (answer === "error") this.#quoted(socket, batch, i);
    }
  }

  #answer(socket: EchoSocket, arrivedUs: number): void {
    const { echo } = this.#found;
    if (socket.raw && echo.identifier !== socket.identifier) return;
    if (echo.nonce !== this.#options.nonce) return;
    const slot = this.#slots[echo.slot];
    if (slot?.plan === undefined || slot.socket !== socket || slot.check !== echo.check) return;
    if (!slot.awaits(echo.index, echo.sequence)) return;
    slot.answer(echo.index, arrivedUs);
    if (slot.done) this.#judge(slot);
  }

  /** A raw socket's ICMP error: it must quote our packet to the slot's target. */
  #quoted(socket: EchoSocket, batch: Batch, index: number): void {
    const { echo, type, code, destinationAt } = this.#found;
    if (echo.identifier !== socket.identifier) return;
    const slot = this.#slotOfError(socket);
    if (slot === undefined) return;
    const [addressAt, addressBytes] = socket.family === 4 ? [4, 4] : [8, 16];
    for (let i = 0; i < addressBytes; i++) {
      if (batch.bytes[destinationAt + i] !== slot.address[addressAt + i]) return;
    }
    // Raw IPv4 sockets show who sent it in the IP header; of IPv6 the source would cost a name per message.
    const from = socket.family === 4
      ? [...batch.bytes.subarray(batch.from(index) + 12, batch.from(index) + 16)].join(".")
      : "";
    this.#giveUp(slot, { family: socket.family, type, code, from });
  }

  /** A ping socket's error queue: struct sock_extended_err { errno 4, origin, type, code, pad, info 4, data 4 }, offender. */
  #receiveErrors(socket: EchoSocket): void {
    const { family, fd } = socket;
    const batch = this.#batch;
    const count = batch.receive(fd, c.MSG_ERRQUEUE);
    const ORIGIN_LOCAL = 1;
    for (let i = 0; i < count; i++) {
      const at = batch.extendedErrorAt(i, family);
      if (at < 0 || batch.control[at + L.extendedOrigin] === ORIGIN_LOCAL) continue;
      if (!readEcho(batch.bytes, batch.from(i), batch.to(i), this.#found)) continue;
      const slot = this.#slotOfError(socket);
      if (slot === undefined) continue;
      const type = batch.control[at + L.extendedType] as number;
      const code = batch.control[at + L.extendedCode] as number;
      const from = formatSocketAddress(
        batch.control.subarray(at + L.extendedErrorBytes, at + L.extendedErrorBytes + SOCKET_ADDRESS_BYTES),
      );
      this.#giveUp(slot, { family, type, code, from });
    }
  }

  /** Whose echo the found error quotes: by token where it is whole, always by sequence. */
  #slotOfError(socket: EchoSocket): EchoSlot | undefined {
    const { echo, hasToken } = this.#found;
    const slot = this.#slots[this.#slotOfSequence[echo.sequence] as number];
    if (slot?.plan === undefined || slot.socket !== socket) return undefined;
    if (
      hasToken && (echo.nonce !== this.#options.nonce || echo.slot !== slot.slot || echo.check !== slot.check)
    ) {
      return undefined;
    }
    return slot.awaits(this.#indexOfSequence[echo.sequence] as number, echo.sequence) ? slot : undefined;
  }

  #giveUp(slot: EchoSlot, error: IcmpError): void {
    slot.giveUp(this.#indexOfSequence[this.#found.echo.sequence] as number, error);
    if (slot.done) this.#judge(slot);
  }

  #judge(slot: EchoSlot): void {
    const plan = slot.plan as EchoPlan;
    const socket = slot.socket as EchoSocket;
    if (slot.answered < slot.count) slot.droppedHere = socket.drops() !== slot.dropsBefore;
    const { outcome, reason, value, text } = plan.judge(slot);
    slot.settle(outcome, reason, value, text);
    this.#settled(slot);
  }

  #fail(slot: EchoSlot, errno: number, plan: EchoPlan): void {
    const told = errno === c.EHOSTUNREACH ? this.#localErrno(slot, errno) : errno;
    const { outcome, reason, value, text } = failureOfErrno(told);
    const isOurs = slot.sent === 0;
    if (isOurs && reason === "local_permission") slot.settle(outcome, reason, value, permissionAdvice(plan));
    else if (isOurs && plan.source !== "") {
      slot.settle(outcome, reason, value, `cannot send from ${plan.source}`);
    } else slot.settle(outcome, reason, value, text);
    this.#settled(slot);
  }

  #localErrno(slot: EchoSlot, errno: number): number {
    const scratch = this.#libc.allocate(SOCKET_ADDRESS_BYTES);
    scratch.bytes.set(slot.address);
    return localErrno(this.#libc, errno, { ...scratch, length: slot.addressBytes });
  }

  /** The attempt is over: again, or the end. As lanes/run_check.ts: a local failure is tried again once at most. */
  #settled(slot: EchoSlot): void {
    this.#deadlines.clear(slot.slot);
    const { retries } = slot;
    const again = slot.outcome === FAIL ? retries : slot.outcome === LOCAL && retries > 0 ? 1 : 0;
    if (slot.attempts <= again) return this.#begin(slot);
    this.inFlight--;
    slot.plan = undefined;
    slot.socket = undefined;
    this.#options.ended(slot);
    slot.text = undefined;
  }

  /** The socket of this family and source, opened at its first use; or the errno. */
  #socketFor(slot: EchoSlot, plan: EchoPlan): EchoSocket | number {
    const family = slot.address[0] === c.AF_INET ? 4 : 6;
    const ofPlan = family === 4 ? this.#v4 : this.#v6;
    let socket: EchoSocket | number | undefined = ofPlan.get(plan);
    if (socket !== undefined) return socket;
    const name = `${family} ${plan.unprivileged} ${plan.source}`;
    socket = this.#socketOf.get(name) ?? this.#open(family, plan);
    if (typeof socket === "number") return socket;
    this.#socketOf.set(name, socket);
    ofPlan.set(plan, socket);
    return socket;
  }

  #open(family: 4 | 6, { source, unprivileged }: EchoPlan): EchoSocket | number {
    if (this.#sockets.length === SOCKETS_MOST) return c.EMFILE;
    const { libc, epoll, firstNumber, nonce } = this.#options;
    const identifier = (nonce ^ (nonce >>> 16)) & 0xffff;
    const socket = EchoSocket.open({
      libc,
      family,
      source,
      sources: this.#sources,
      unprivileged,
      identifier,
    });
    if (typeof socket === "number") return socket;
    const errno = epoll.add(socket.fd, c.EPOLLIN, firstNumber + this.#sockets.length);
    if (errno !== 0) {
      socket.close();
      return errno;
    }
    this.#sockets.push(socket);
    return socket;
  }

  /** The clock of arrivals, µs since 1970. */
  #wallUs(): number {
    const { words, pointer } = this.#time;
    this.#libc.clock_gettime(c.CLOCK_REALTIME, pointer);
    return ((words[0] as number) + (words[1] as number) * 2 ** 32) * 1e6 + (words[2] as number) / 1000;
  }
}
