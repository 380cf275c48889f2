/** The record types that are read, and their data as text (RFC 1035 §3.3, 3596, 2782, 8659). */
import type { Reader } from "./reader.ts";

export const RECORD_TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
} as const;
export type RecordType = keyof typeof RECORD_TYPES;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(RECORD_TYPES).map(([name, type]) => [type, name]),
);

export function typeName(type: number): string {
  return NAMES.get(type) ?? `TYPE${type}`;
}

/** Undefined for a type that is not read. Throws RangeError when the data is malformed. */
export function recordText(reader: Reader, type: number, bytes: number): string | undefined {
  switch (NAMES.get(type) as RecordType | undefined) {
    case "A":
      return ipv4Text(sized(reader, bytes, 4));
    case "AAAA":
      return ipv6Text(sized(reader, bytes, 16));
    case "NS":
    case "CNAME":
    case "PTR":
      return reader.name();
    case "MX":
      return `${reader.u16()} ${reader.name()}`;
    case "SRV":
      return `${reader.u16()} ${reader.u16()} ${reader.u16()} ${reader.name()}`;
    case "SOA": {
      const names = `${reader.name()} ${reader.name()}`;
      return `${names} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u32()}`;
    }
    case "TXT":
      return txtText(reader, bytes);
    case "CAA": {
      const flags = reader.u8();
      const tagBytes = reader.u8();
      if (bytes < 2 + tagBytes) throw new RangeError("tag longer than its record");
      const tag = reader.text(tagBytes);
      return `${flags} ${tag} "${reader.text(bytes - 2 - tagBytes)}"`;
    }
    case undefined:
      return undefined;
  }
}

/** Of the first four bytes. */
export function ipv4Text(bytes: Uint8Array): string {
  return bytes.subarray(0, 4).join(".");
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as "::". */
export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number),
  );
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (best.at < 0) return hex(groups);
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

function sized(reader: Reader, bytes: number, wanted: number): Uint8Array {
  if (bytes !== wanted) throw new RangeError("data of another length");
  return reader.take(bytes);
}

/** The strings of a record are one text (RFC 7208 §3.3 reads them so, and so do people). */
function txtText(reader: Reader, bytes: number): string {
  let text = "";
  for (let left = bytes; left > 0;) {
    const length = reader.u8();
    if (length + 1 > left) throw new RangeError("string longer than its record");
    text += reader.text(length);
    left -= length + 1;
  }
  return text;
}
