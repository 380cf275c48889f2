/**
 * As much BSON (https://bsonspec.org/spec.html) as a check of MongoDB needs: commands are written from numbers, texts and
 * bytes; of an answer the outermost numbers, booleans, texts and bytes are read, and what is nested is passed over.
 */
import { Buffer } from "node:buffer";

export type BsonValue = number | boolean | string | Buffer;

export function encodeBson(document: Readonly<Record<string, BsonValue>>): Buffer {
  const elements = Object.entries(document).map(([name, value]) => {
    const [type, bytes] = encodeValue(value);
    return Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), bytes]);
  });
  const body = Buffer.concat(elements);
  return Buffer.concat([int32(body.length + 5), body, Buffer.of(0)]);
}

/** Undefined when it is malformed. */
export function decodeBson(bytes: Buffer): ReadonlyMap<string, BsonValue> | undefined {
  const found = new Map<string, BsonValue>();
  if (bytes.length < 5 || bytes.readInt32LE(0) !== bytes.length || bytes.at(-1) !== 0) return undefined;
  let at = 4;
  while (at < bytes.length - 1) {
    const type = bytes[at] as number;
    const nameEnd = bytes.indexOf(0, at + 1);
    if (nameEnd < 0) return undefined;
    const name = bytes.toString("utf8", at + 1, nameEnd);
    const value = bytes.subarray(nameEnd + 1, -1);
    const size = sizeOf(type, value);
    if (size === undefined || size > value.length) return undefined;
    const read = readValue(type, value.subarray(0, size));
    if (read !== undefined) found.set(name, read);
    at = nameEnd + 1 + size;
  }
  return found;
}

function encodeValue(value: BsonValue): [type: number, bytes: Buffer] {
  if (typeof value === "number") return [0x10, int32(value)];
  if (typeof value === "boolean") return [0x08, Buffer.of(value ? 1 : 0)];
  if (typeof value === "string") {
    const text = Buffer.from(`${value}\0`);
    return [0x02, Buffer.concat([int32(text.length), text])];
  }
  return [0x05, Buffer.concat([int32(value.length), Buffer.of(0), value])];
}

const FIXED_BYTES: Readonly<Record<number, number>> = {
  0x01: 8, // double
  0x06: 0, // undefined
  0x07: 12, // object id
  0x08: 1, // boolean
  0x09: 8, // date
  0x0a: 0, // null
  0x10: 4, // int32
  0x11: 8, // timestamp
  0x12: 8, // int64
  0x13: 16, // decimal128
  0x7f: 0, // max key
  0xff: 0, // min key
};

/** Bytes of a value; undefined: of no known type, or cut off. */
function sizeOf(type: number, value: Buffer): number | undefined {
  const fixed = FIXED_BYTES[type];
  if (fixed !== undefined) return fixed;
  if (type === 0x0b) {
    const second = value.indexOf(0, value.indexOf(0) + 1);
    return second < 1 ? undefined : second + 1;
  }
  const length = value.length >= 4 ? value.readInt32LE(0) : -1;
  if (length < 0) return undefined;
  // Texts and code; documents and arrays count their own length in; bytes have a subtype.
  if (type === 0x02 || type === 0x0d || type === 0x0e) return length + 4;
  if (type === 0x03 || type === 0x04) return length;
  return type === 0x05 ? length + 5 : undefined;
}

function readValue(type: number, value: Buffer): BsonValue | undefined {
  switch (type) {
    case 0x01:
      return value.readDoubleLE(0);
    case 0x02:
      return value.toString("utf8", 4, value.length - 1);
    case 0x05:
      return Buffer.from(value.subarray(5));
    case 0x08:
      return value[0] === 1;
    case 0x10:
      return value.readInt32LE(0);
    case 0x12:
      return Number(value.readBigInt64LE(0));
    default:
      return undefined;
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
