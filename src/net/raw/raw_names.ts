/**
 * Host names for the raw engine: from the shared name table, without a promise and without garbage. Who has to wait for a name
 * is looked at again each millisecond.
 */
import type { IpPreference } from "../../base/ip_preference.ts";
import { AF_INET, AF_INET6 } from "../../host/libc.ts";
import { FAULT_TABLE_FULL, NAME_FAILED, NAME_FAULTS, NAME_FOUND, NAME_WAITING } from "../../model/names.ts";
import { NAME_MISSING, type NamesHandle } from "../../model/names.ts";
import type { Place } from "../../model/raw_probe.ts";
import { NameTable } from "../../shm/name_table.ts";
import type { Failure } from "../failure.ts";
import { failureOfName, noSuchAddress } from "../names.ts";
import { SOCKET_ADDRESS_BYTES } from "./socket_address.ts";

/** What a slot keeps of its name. */
export interface NamedSlot {
  readonly slot: number;
  phase: number;
  /** Entry in the table; NO_NAME: an address literal. */
  name: number;
  /** Addresses that the name has, at most so many are tried. */
  tries: number;
  /** Which of them the attempt is at. */
  nth: number;
}

export const NO_NAME = -1;
/** A phase: waits for its name. */
export const RESOLVING = 4;
/** How soon it is looked at again: the answer comes by shared memory, which epoll does not see. */
export const NAME_POLL_MS = 1;

interface Wanted {
  readonly text: Uint8Array;
  readonly place: Place;
  readonly prefer: IpPreference | undefined;
}

export class RawNames {
  readonly #table: NameTable;
  readonly #prefer: IpPreference;
  readonly #bytes = new Uint8Array(16);
  readonly #order: { nth: number; prefer: IpPreference };
  #waiting: number[] = [];
  #looking: number[] = [];

  constructor({ table, prefer }: NamesHandle) {
    this.#table = new NameTable(table);
    this.#prefer = prefer;
    this.#order = { nth: 0, prefer };
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Sets the slot's name and tries, or its phase to RESOLVING; otherwise why there is no address. */
  find(slot: NamedSlot, { text, place, prefer = this.#prefer }: Wanted): Failure | undefined {
    const table = this.#table;
    const entry = table.find(text, place.hostFrom, place.hostTo);
    if (entry < 0) return failureOfName(NAME_FAILED, NAME_FAULTS[FAULT_TABLE_FULL]);
    const status = table.look(entry);
    if (status === NAME_WAITING) {
      slot.phase = RESOLVING;
      this.#waiting.push(slot.slot);
      return undefined;
    }
    if (status !== NAME_FOUND) return failureOfName(status, NAME_FAULTS[table.detail(entry)] ?? "");
    slot.name = entry;
    slot.tries = table.tries(entry, prefer);
    return slot.tries > 0 ? undefined : failureOfName(NAME_MISSING, noSuchAddress(prefer));
  }

  /** Calls it for each slot that waited when it began; it may wait again. */
  eachWaiting(look: (slot: number) => void): void {
    if (this.#waiting.length === 0) return;
    [this.#looking, this.#waiting] = [this.#waiting, this.#looking];
    for (const slot of this.#looking) look(slot);
    this.#looking.length = 0;
  }

  /** As writeSocketAddress() of the slot's present address; the first one's when there are fewer by now. */
  writeAddress(
    slot: NamedSlot,
    { port, prefer = this.#prefer }: { readonly port: number; readonly prefer: IpPreference | undefined },
    into: Uint8Array,
  ): number {
    const order = this.#order;
    order.nth = slot.nth;
    order.prefer = prefer;
    let bytes = this.#table.copyAddress(slot.name, order, this.#bytes);
    if (bytes === 0) {
      order.nth = 0;
      bytes = this.#table.copyAddress(slot.name, order, this.#bytes);
    }
    into.fill(0, 0, SOCKET_ADDRESS_BYTES);
    into[0] = bytes === 16 ? AF_INET6 : AF_INET;
    into[2] = port >> 8;
    into[3] = port & 255;
    const at = bytes === 16 ? 8 : 4;
    for (let i = 0; i < bytes; i++) into[at + i] = this.#bytes[i] as number;
    return bytes === 16 ? SOCKET_ADDRESS_BYTES : 16;
  }
}

/** Whether the host at this place is a name: an address literal has a colon, or nothing but digits and dots. */
export function isName(text: Uint8Array, { hostFrom, hostTo }: Place): boolean {
  let name = false;
  for (let at = hostFrom; at < hostTo; at++) {
    const code = text[at] as number;
    if (code === COLON) return false;
    if (code !== DOT && (code < ZERO || code > NINE)) name = true;
  }
  return name;
}

/** Whether isName() holds and the table takes it: what can be written in a target of the raw engine. */
export function isPlainName(host: string): boolean {
  return /^(?=.*[A-Za-z_-])[A-Za-z0-9._-]{1,253}$/.test(host);
}

const COLON = 58;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
