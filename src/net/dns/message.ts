/**
 * DNS messages: a query to bytes, an answer to records (RFC 1035 §4, EDNS RFC 6891). No socket, no clock.
 * Whatever bytes come, it ends: every read is bounded by the message, a compressed name by 127 labels.
 */
import { Reader } from "./reader.ts";
import { RECORD_TYPES, recordText, type RecordType, typeName } from "./record.ts";

export interface Question {
  /** ASCII, with or without a final dot. */
  readonly name: string;
  readonly type: RecordType;
}

export interface DnsRecord {
  /** Lower case, without a final dot; "" is the root. */
  readonly name: string;
  /** "A", "MX", …, or "TYPE65" for one that is not read. */
  readonly type: string;
  /** Seconds; what has the top bit set counts as 0 (RFC 2181 §8). */
  readonly ttl: number;
  /** As a zone file would write it, names in lower case and without a final dot. */
  readonly value: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly rcode: number;
  readonly truncated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** The question's bytes, to be held against those that were sent. */
  readonly question: Uint8Array;
}

export const NOERROR = 0;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"] as const;

export function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RCODE${rcode}`;
}

const HEADER_BYTES = 12;
const NAME_BYTES_MOST = 255;
const LABEL_BYTES_MOST = 63;
const CLASS_IN = 1;
/** What fits a packet of any path without fragments (DNS flag day 2020). */
const EDNS_BYTES = 1232;
const TYPE_OPT = 41;

/** Whether a name can be asked for: labels of 1–63 bytes, 255 bytes in all, printable ASCII. */
export function isDnsName(name: string): boolean {
  const bare = name.endsWith(".") ? name.slice(0, -1) : name;
  if (bare.length === 0) return name === ".";
  return /^[!-~]+$/.test(bare) && bare.length + 2 <= NAME_BYTES_MOST &&
    bare.split(".").every((label) => label.length > 0 && label.length <= LABEL_BYTES_MOST);
}

/** A recursive query with an OPT record. The name must satisfy isDnsName(). */
export function encodeQuery(id: number, { name, type }: Question): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + NAME_BYTES_MOST + 4 + 11);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, 0x0100); // recursion desired
  view.setUint16(4, 1);
  view.setUint16(10, 1);
  let at = HEADER_BYTES;
  for (const label of name.split(".").filter((part) => part !== "")) {
    bytes[at++] = label.length;
    at += new TextEncoder().encodeInto(label, bytes.subarray(at)).written;
  }
  bytes[at++] = 0;
  view.setUint16(at, RECORD_TYPES[type]);
  view.setUint16(at + 2, CLASS_IN);
  // OPT: root name, type, payload size, no extended flags, no data.
  view.setUint16(at + 5, TYPE_OPT);
  view.setUint16(at + 7, EDNS_BYTES);
  return bytes.subarray(0, at + 15);
}

/** The question section of a query that encodeQuery() made. */
export function questionOf(query: Uint8Array): Uint8Array {
  return query.subarray(HEADER_BYTES, query.length - 11);
}

/** Equal but for the case of letters: some servers change it. */
export function sameQuestion(one: Uint8Array, other: Uint8Array): boolean {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").toLowerCase();
  return one.length === other.length && text(one) === text(other);
}

/** Undefined when the bytes are no well-formed answer. */
export function decodeAnswer(bytes: Uint8Array): DnsMessage | undefined {
  try {
    return readMessage(new Reader(bytes), bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readMessage(reader: Reader, bytes: Uint8Array): DnsMessage {
  const id = reader.u16();
  const flags = reader.u16();
  const [questions, answers, authority] = [reader.u16(), reader.u16(), reader.u16()];
  reader.u16();
  if ((flags & 0x8000) === 0) throw new RangeError("not an answer");
  for (let i = 0; i < questions; i++) {
    reader.name();
    reader.take(4);
  }
  const question = bytes.subarray(HEADER_BYTES, reader.at);
  const truncated = (flags & 0x0200) !== 0;
  const parts = { id, rcode: flags & 15, truncated, question };
  // A truncated message may end anywhere, and what it holds is not used.
  if (truncated) return { ...parts, answers: [], authority: [] };
  return { ...parts, answers: readRecords(reader, answers), authority: readRecords(reader, authority) };
}

function readRecords(reader: Reader, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.name();
    const type = reader.u16();
    const inClass = reader.u16() === CLASS_IN;
    const ttl = reader.u32();
    const length = reader.u16();
    const end = reader.at + length;
    const value = inClass ? recordText(reader, type, length) : undefined;
    if (value === undefined) reader.take(length);
    else if (reader.at !== end) throw new RangeError("data of another length");
    if (!inClass) continue;
    records.push({ name, type: typeName(type), ttl: ttl > 0x7fffffff ? 0 : ttl, value: value ?? "" });
  }
  return records;
}
