/** What the echo engine keeps of one slot: made at its first use, then reused by one check after another. */
import { type Outcome, OUTCOMES, type Reason, reasonIndex } from "../../model/outcome.ts";
import type { RawEnd } from "../../model/raw_engine.ts";
import type { EchoPlan, EchoTally, IcmpError } from "../../model/raw_probe.ts";
import { type NamedSlot, NO_NAME } from "./raw_names.ts";
import type { EchoSocket } from "./echo_socket.ts";
import { SOCKET_ADDRESS_BYTES } from "./socket_address.ts";

const PENDING = 0;
const ANSWERED = 1;
const GIVEN_UP = 2;

export interface EchoClocks {
  readonly nowMs: () => number;
  /** That of arrivals, µs since 1970. */
  readonly wallUs: () => number;
}

export class EchoSlot implements RawEnd, NamedSlot, EchoTally {
  readonly slot: number;
  row = 0;
  plan: EchoPlan | undefined;
  socket: EchoSocket | undefined;
  timeoutMs = 0;
  retries = 0;
  attempts = 0;
  beganMs = 0;
  attemptMs = 0;
  /** Differs between all attempts of this slot, so that a late answer finds another one. */
  check = 0;
  count = 0;
  sent = 0;
  answered = 0;
  lost = 0;
  rttLeastUs = 0;
  rttMostUs = 0;
  error: IcmpError | undefined;
  dropsBefore = 0;
  droppedHere = false;
  dnsUs = 0;
  /** 0, or RESOLVING. */
  phase = 0;
  name = NO_NAME;
  tries = 1;
  nth = 0;
  readonly connectUs = 0;
  firstByteUs = 0;
  outcome = 0;
  reason = 0;
  value = 0;
  text: string | undefined;
  readonly address = new Uint8Array(SOCKET_ADDRESS_BYTES);
  addressBytes = 0;
  readonly #clocks: EchoClocks;
  #rttSumUs = 0;
  #states = new Uint8Array(1);
  #sequences = new Uint16Array(1);
  /** When each was sent, by both clocks. */
  #sentUs = new Float64Array(1);
  #sentMs = new Float64Array(1);

  constructor(slot: number, clocks: EchoClocks) {
    this.slot = slot;
    this.#clocks = clocks;
  }

  get rttMeanUs(): number {
    return this.answered === 0 ? 0 : this.#rttSumUs / this.answered;
  }

  get done(): boolean {
    return this.answered + this.lost === this.count;
  }

  reset(nowMs: number, count: number): void {
    this.attempts++;
    this.attemptMs = nowMs;
    this.dnsUs = 0;
    this.phase = 0;
    this.name = NO_NAME;
    this.check = (this.check + 1) >>> 0;
    this.count = count;
    this.sent = 0;
    this.answered = 0;
    this.lost = 0;
    this.rttLeastUs = 0;
    this.rttMostUs = 0;
    this.#rttSumUs = 0;
    this.firstByteUs = 0;
    this.error = undefined;
    this.droppedHere = false;
    this.text = undefined;
    if (this.#states.length < count) {
      this.#states = new Uint8Array(count);
      this.#sequences = new Uint16Array(count);
      this.#sentUs = new Float64Array(count);
      this.#sentMs = new Float64Array(count);
    }
    this.#states.fill(PENDING, 0, count);
  }

  /** Now, the next echo, under this number. */
  sending(sequence: number): void {
    const index = this.sent++;
    this.#sequences[index] = sequence;
    this.#sentUs[index] = this.#clocks.wallUs();
    this.#sentMs[index] = this.#clocks.nowMs();
  }

  /** Whether this echo was sent in this attempt, under this number, and nothing is known of it yet. */
  awaits(index: number, sequence: number): boolean {
    return index < this.sent && this.#states[index] === PENDING && this.#sequences[index] === sequence;
  }

  /** arrivedUs 0: not told. */
  answer(index: number, arrivedUs: number): void {
    const mostUs = (this.#clocks.nowMs() - (this.#sentMs[index] as number)) * 1000;
    const told = arrivedUs === 0 ? mostUs : arrivedUs - (this.#sentUs[index] as number);
    // The clock of arrivals can be set meanwhile; that of nowMs cannot.
    const rttUs = Math.max(1, Math.round(told < 0 || told > mostUs ? mostUs : told));
    this.#states[index] = ANSWERED;
    this.rttLeastUs = this.answered === 0 ? rttUs : Math.min(this.rttLeastUs, rttUs);
    this.rttMostUs = Math.max(this.rttMostUs, rttUs);
    this.#rttSumUs += rttUs;
    this.firstByteUs ||= this.dnsUs + rttUs;
    this.answered++;
  }

  giveUp(index: number, error: IcmpError): void {
    this.#states[index] = GIVEN_UP;
    this.error = error;
    this.lost++;
  }

  settle(outcome: Outcome, reason: Reason, value: number, text?: string): void {
    this.outcome = OUTCOMES.indexOf(outcome);
    this.reason = reasonIndex(reason);
    this.value = value;
    this.text = text;
  }
}
