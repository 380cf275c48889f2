/**
 * Names for checks that run on an event loop: from the shared name table when this thread has been given it, else from the
 * system's resolver. One setting a thread, so that every kind of check that connects has the same names.
 */
import { Buffer } from "node:buffer";
import { lookup } from "node:dns";
import { domainToASCII } from "node:url";
import type { IpPreference } from "../base/ip_preference.ts";
import {
  FAULT_TABLE_FULL,
  NAME_FAILED,
  NAME_FAULTS,
  NAME_FOUND,
  NAME_MISSING,
  NAME_MISSING_BRIEFLY,
  NAME_WAITING,
  type NamesHandle,
} from "../model/names.ts";
import { NameTable } from "../shm/name_table.ts";
import { ipv4Text, ipv6Text } from "./dns/record.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";

/** More addresses than this are not tried within one check. */
const TRIES_MOST = 4;

interface Names {
  readonly table: NameTable;
  readonly prefer: IpPreference;
}

let names: Names | undefined;

/** For this thread, from now on; undefined: the system's resolver. */
export function useNames(handle: NamesHandle | undefined): void {
  names = handle && { table: new NameTable(handle.table), prefer: handle.prefer };
}

/** Addresses in the order to try them, at least one, or why there is none. Never rejects; settles when the signal fires. */
export async function lookUpName(
  host: string,
  prefer: IpPreference | undefined,
  signal: AbortSignal,
): Promise<readonly string[] | Failure> {
  const found = names === undefined
    ? await askSystem(host, prefer, signal)
    : await askTable(host, { table: names.table, prefer: prefer ?? names.prefer }, signal);
  if ("reason" in found) return found;
  if (found.length > 0) return found.slice(0, TRIES_MOST);
  return failureOfName(NAME_MISSING, noSuchAddress(prefer ?? names?.prefer ?? "ipv4"));
}

/** For people: the name exists, without an address of the kind that is asked for. */
export function noSuchAddress(prefer: IpPreference): string {
  return `no ${prefer === "ipv6_only" ? "IPv6" : "IPv4"} address`;
}

/** What a status other than "found" and "waiting" says of a check. */
export function failureOfName(status: number, text: string): Failure {
  if (status === NAME_MISSING) return { outcome: "fail", reason: "name_not_found", value: 0, text };
  const doubt = status === NAME_MISSING_BRIEFLY ? "name does not exist, for a short time only" : text;
  return { outcome: "local", reason: "local_resolver", value: 0, text: doubt };
}

export const NO_ANSWER = "no answer in time";
/** A wait cannot be taken back: it ends by itself soon after the signal. */
const WAIT_MS = 1000;

async function askTable(
  host: string,
  { table, prefer }: Names,
  signal: AbortSignal,
): Promise<readonly string[] | Failure> {
  const text = Buffer.from(domainToASCII(host), "latin1");
  const entry = table.find(text, 0, text.length);
  if (entry < 0) return failureOfName(NAME_FAILED, NAME_FAULTS[FAULT_TABLE_FULL]);
  let status = table.look(entry);
  if (status === NAME_WAITING) {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    while (status === NAME_WAITING) {
      if (signal.aborted) return failureOfName(NAME_FAILED, NO_ANSWER);
      await Promise.race([table.changed(entry, WAIT_MS), aborted]);
      status = table.look(entry);
    }
  }
  if (status !== NAME_FOUND) return failureOfName(status, NAME_FAULTS[table.detail(entry)] ?? "");
  const bytes = new Uint8Array(16);
  return Array.from({ length: table.tries(entry, prefer) }, (_, nth) => {
    const length = table.copyAddress(entry, { nth, prefer }, bytes);
    return length === 0 ? "" : length === 4 ? ipv4Text(bytes) : ipv6Text(bytes);
  }).filter((address) => address !== "");
}

/** A lookup cannot be cancelled in either runtime: it goes on behind us, holding no descriptor of ours, and is ignored. */
function askSystem(
  host: string,
  prefer: IpPreference | undefined,
  signal: AbortSignal,
): Promise<readonly string[] | Failure> {
  return new Promise((settle) => {
    const onAbort = () => settle(failureOfName(NAME_FAILED, NO_ANSWER));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      signal.removeEventListener("abort", onAbort);
      if (error !== null && error !== undefined) {
        return settle({ ...failureOfCode(codeOf(error) || "EAI_FAIL"), text: host });
      }
      if (prefer === undefined) return settle(found.map(({ address }) => address));
      const of = (family: number) =>
        found.filter((entry) => entry.family === family).map(({ address }) => address);
      const [first, second] = prefer.startsWith("ipv6") ? [of(6), of(4)] : [of(4), of(6)];
      settle(prefer.endsWith("_only") ? first : [...first, ...second]);
    });
  });
}
