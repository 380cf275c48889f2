/** Where a slot's check goes: its target's address literal, or the address of its name that the attempt is at. */
import type { IpPreference } from "../../base/ip_preference.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import type { RawEngineOptions } from "../../model/raw_engine.ts";
import { type Place, type StreamPlan, TARGET_BYTES_MOST } from "../../model/raw_probe.ts";
import type { Failure } from "../failure.ts";
import { isName, NO_NAME, RawNames } from "./raw_names.ts";
import { SOCKET_ADDRESS_BYTES, writeSocketAddress } from "./socket_address.ts";
import type { StreamSlot } from "./stream_slot.ts";

export class PeerAddress {
  /** The struct sockaddr that write() leaves. */
  readonly memory: Memory;
  readonly names: RawNames | undefined;
  readonly #options: Pick<RawEngineOptions, "target">;
  readonly #target = new Uint8Array(TARGET_BYTES_MOST);
  readonly #place: Place = { hostFrom: 0, hostTo: 0, port: 0 };

  constructor(options: Pick<RawEngineOptions, "target" | "names"> & { readonly libc: Libc }) {
    this.#options = options;
    this.names = options.names && new RawNames(options.names);
    this.memory = options.libc.allocate(SOCKET_ADDRESS_BYTES);
  }

  /** Sets the slot's name, if it has one, or its phase to RESOLVING; otherwise why there is no address. */
  find(slot: StreamSlot): Failure | undefined {
    const prefer = preferOf(this.#locate(slot));
    if (!isName(this.#target, this.#place)) return undefined;
    return (this.names as RawNames).find(slot, { text: this.#target, place: this.#place, prefer });
  }

  /** Bytes of the address. */
  write(slot: StreamSlot): number {
    const prefer = preferOf(this.#locate(slot));
    const into = this.memory.bytes;
    if (slot.name === NO_NAME) return writeSocketAddress(this.#target, this.#place, into);
    return (this.names as RawNames).writeAddress(slot, { port: this.#place.port, prefer }, into);
  }

  #locate(slot: StreamSlot): StreamPlan {
    const plan = slot.plan as StreamPlan;
    const bytes = this.#options.target(slot.row, this.#target);
    plan.locate(this.#target, bytes, this.#place);
    return plan;
  }
}

/** A source address is of one kind, and its peers must be too. */
export function preferOf(
  { source, prefer }: { readonly source: string; readonly prefer?: IpPreference | undefined },
): IpPreference | undefined {
  if (source === "") return prefer;
  return source.includes(":") ? "ipv6_only" : "ipv4_only";
}
