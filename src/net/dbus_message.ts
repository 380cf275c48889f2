/**
 * D-Bus messages on the wire, as far as a caller needs them: calls whose arguments are strings, and every type in answers.
 * Source: D-Bus Specification 0.43, "Message Protocol" and "Type System". Whatever comes in is bounded and checked: a
 * message that breaks the rules throws a RangeError, which ends its connection.
 */

export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly args: readonly string[];
}

/** Integers of 64 bits are bigints; a variant is its value; dictionaries and structs are arrays. */
export type BusValue = string | number | bigint | boolean | readonly BusValue[];

export const METHOD_RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

export interface BusMessage {
  readonly type: number;
  readonly path: string;
  readonly member: string;
  readonly errorName: string;
  /** Of the call that this answers; 0 = none. */
  readonly replySerial: number;
  readonly sender: string;
  readonly body: readonly BusValue[];
}

/** The specification allows 128 MiB; what is asked for here is some kilobytes. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
const HEAD_BYTES = 16;
const DEPTH_MAX = 16;
const METHOD_CALL = 1;
const PROTOCOL_VERSION = 1;
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
};

/** `serial` identifies the answer; never 0. */
export function encodeCall(call: BusCall, serial: number): Uint8Array {
  const body = new Writer();
  for (const arg of call.args) body.string(arg);
  const fields = new Writer();
  fields.field(FIELD.path, "o", call.path);
  fields.field(FIELD.interface, "s", call.interface);
  fields.field(FIELD.member, "s", call.member);
  fields.field(FIELD.destination, "s", call.destination);
  if (call.args.length > 0) fields.field(FIELD.signature, "g", "s".repeat(call.args.length));
  const head = new Writer();
  head.bytes.push("l".charCodeAt(0), METHOD_CALL, 0, PROTOCOL_VERSION);
  head.u32(body.bytes.length);
  head.u32(serial);
  head.u32(fields.bytes.length);
  // The fields begin at 16, so that their own alignment holds in the message too.
  head.bytes.push(...fields.bytes);
  head.align(8);
  return Uint8Array.from([...head.bytes, ...body.bytes]);
}

/** The first message of `bytes` and its length; undefined while it is not complete. */
export function decodeMessage(bytes: Uint8Array): { message: BusMessage; length: number } | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const little = bytes[0] === "l".charCodeAt(0);
  check(little || bytes[0] === "B".charCodeAt(0), "byte order");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bodyLength = view.getUint32(4, little);
  const fieldsLength = view.getUint32(12, little);
  check(bodyLength <= MESSAGE_BYTES_MAX && fieldsLength <= MESSAGE_BYTES_MAX, "message length");
  const bodyStart = Math.ceil((HEAD_BYTES + fieldsLength) / 8) * 8;
  const length = bodyStart + bodyLength;
  if (bytes.length < length) return undefined;
  const fields = new Map<number, BusValue>();
  const head = new Reader({ view, little, at: 12, end: bodyStart });
  for (const field of head.value("a(yv)", DEPTH_MAX) as readonly (readonly [number, BusValue])[]) {
    fields.set(field[0], field[1]);
  }
  const body = new Reader({ view, little, at: bodyStart, end: length });
  const text = (code: number) => {
    const value = fields.get(code) ?? "";
    check(typeof value === "string", "header field");
    return value as string;
  };
  const replySerial = fields.get(FIELD.replySerial) ?? 0;
  check(typeof replySerial === "number", "header field");
  const message = {
    type: bytes[1] as number,
    path: text(FIELD.path),
    member: text(FIELD.member),
    errorName: text(FIELD.errorName),
    replySerial: replySerial as number,
    sender: text(FIELD.sender),
    body: body.all(text(FIELD.signature)),
  };
  return { message, length };
}

class Writer {
  readonly bytes: number[] = [];

  align(to: number): void {
    while (this.bytes.length % to !== 0) this.bytes.push(0);
  }

  u32(value: number): void {
    this.align(4);
    this.bytes.push(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
  }

  string(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u32(encoded.length);
    this.bytes.push(...encoded, 0);
  }

  field(code: number, type: "o" | "s" | "g", text: string): void {
    this.align(8);
    this.bytes.push(code, 1, type.charCodeAt(0), 0);
    if (type !== "g") return this.string(text);
    const encoded = new TextEncoder().encode(text);
    this.bytes.push(encoded.length, ...encoded, 0);
  }
}

const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  s: 4,
  o: 4,
  a: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
  "(": 8,
  "{": 8,
};

class Reader {
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #end: number;
  #at: number;

  constructor(of: { view: DataView; little: boolean; at: number; end: number }) {
    this.#view = of.view;
    this.#little = of.little;
    this.#at = of.at;
    this.#end = of.end;
  }

  all(signature: string): BusValue[] {
    return splitTypes(signature).map((type) => this.value(type, DEPTH_MAX));
  }

  value(type: string, depth: number): BusValue {
    check(depth > 0, "depth");
    const code = type[0] as string;
    const alignment = ALIGNMENT[code];
    check(alignment !== undefined, "type");
    this.#take(-this.#at & (alignment as number - 1));
    switch (code) {
      case "a":
        return this.#array(type.slice(1), depth);
      case "(":
      case "{":
        return splitTypes(type.slice(1, -1)).map((each) => this.value(each, depth - 1));
      case "v": {
        const types = splitTypes(this.#text(this.#view.getUint8(this.#take(1))));
        check(types.length === 1, "variant");
        return this.value(types[0] as string, depth - 1);
      }
      case "s":
      case "o":
        return this.#text(this.#view.getUint32(this.#take(4), this.#little));
      case "g":
        return this.#text(this.#view.getUint8(this.#take(1)));
      default:
        return this.#number(code);
    }
  }

  #number(code: string): BusValue {
    const at = this.#take(ALIGNMENT[code] as number);
    switch (code) {
      case "y":
        return this.#view.getUint8(at);
      case "n":
        return this.#view.getInt16(at, this.#little);
      case "q":
        return this.#view.getUint16(at, this.#little);
      case "b":
        return this.#view.getUint32(at, this.#little) === 1;
      case "i":
        return this.#view.getInt32(at, this.#little);
      case "x":
        return this.#view.getBigInt64(at, this.#little);
      case "t":
        return this.#view.getBigUint64(at, this.#little);
      case "d":
        return this.#view.getFloat64(at, this.#little);
      default:
        return this.#view.getUint32(at, this.#little);
    }
  }

  #array(type: string, depth: number): BusValue {
    const bytes = this.#view.getUint32(this.#take(4), this.#little);
    this.#take(-this.#at & (ALIGNMENT[type[0] as string] ?? 1) - 1);
    const end = this.#at + bytes;
    check(end <= this.#end, "array length");
    const items: BusValue[] = [];
    while (this.#at < end) items.push(this.value(type, depth - 1));
    check(this.#at === end, "array length");
    return items;
  }

  #text(bytes: number): string {
    const at = this.#take(bytes + 1);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, bytes));
  }

  /** Where the next `bytes` bytes begin. */
  #take(bytes: number): number {
    const at = this.#at;
    check(at + bytes <= this.#end, "length");
    this.#at += bytes;
    return at;
  }
}

/** "a{sv}us" → "a{sv}", "u", "s". */
function splitTypes(signature: string): string[] {
  const types: string[] = [];
  for (let from = 0; from < signature.length;) {
    const to = endOfType(signature, from);
    types.push(signature.slice(from, to));
    from = to;
  }
  return types;
}

function endOfType(signature: string, from: number): number {
  let at = from;
  while (signature[at] === "a") at++;
  check(at < signature.length, "signature");
  let open = 0;
  for (; at < signature.length; at++) {
    const code = signature[at] as string;
    if (code === "(" || code === "{") open++;
    if (code === ")" || code === "}") open--;
    if (open <= 0) break;
  }
  check(open === 0, "signature");
  return at + 1;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(`malformed D-Bus message: ${what}`);
}
