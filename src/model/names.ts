/** What a host name came to, as all threads see it. */
import type { IpPreference } from "../base/ip_preference.ts";

/** What a worker is given to look names up. */
export interface NamesHandle {
  readonly table: SharedArrayBuffer;
  /** What a check takes that does not say. */
  readonly prefer: IpPreference;
}

/** Nothing is known yet, or not any more: it has been asked for. */
export const NAME_WAITING = 0;
export const NAME_FOUND = 1;
/** The name has not existed, or had no address, for long enough to be the monitor's fault. */
export const NAME_MISSING = 2;
/** The same, but for a short time only: may be a zone that is being changed. */
export const NAME_MISSING_BRIEFLY = 3;
/** No name server could say. */
export const NAME_FAILED = 4;

/** Why, for people; only ever appended, since the index travels. */
export const NAME_FAULTS = [
  "no name server answered",
  "name servers answered SERVFAIL",
  "name servers refused to answer",
  "name servers sent no DNS answer",
  "more names than the table holds",
] as const;
export const FAULT_SILENT = 0;
export const FAULT_SERVFAIL = 1;
export const FAULT_REFUSED = 2;
export const FAULT_MALFORMED = 3;
export const FAULT_TABLE_FULL = 4;
