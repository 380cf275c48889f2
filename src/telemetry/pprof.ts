/**
 * Profiles as `go tool pprof` and everything that understands it read them: gzipped protocol buffers of profile.proto
 * (github.com/google/pprof/blob/main/proto/profile.proto; wire format: protobuf.dev/programming-guides/encoding).
 * Only the messages and fields that are used. Typical: some thousand samples, 100 kB before gzip.
 */
import { gzipSync } from "node:zlib";
import { assert } from "../base/assert.ts";

export interface Frame {
  readonly name: string;
  readonly file: string;
  /** From 1; 0 when there is none. */
  readonly line: number;
}

export interface PprofSample {
  /** The innermost first. */
  readonly stack: readonly Frame[];
  /** One per sample type, whole and not negative. */
  readonly values: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface PprofValueType {
  readonly type: string;
  readonly unit: string;
}

export interface Pprof {
  readonly sampleTypes: readonly PprofValueType[];
  /** Name of the type that is shown unless another is asked for. */
  readonly defaultType: string;
  readonly samples: readonly PprofSample[];
  /** Wall clock of the beginning, ms. */
  readonly timeMs: number;
  readonly durationUs: number;
  readonly periodType: PprofValueType;
  readonly period: number;
  /** Name of the program. */
  readonly program: string;
  /** Shown by `pprof -comments`. */
  readonly comments: readonly string[];
}

/** gzip of the message. */
export function encodePprof(profile: Pprof): Uint8Array {
  const strings = new Interned<string>((text) => text, [""]);
  const functions = new Interned<Frame>(({ name, file }) => `${name}\0${file}`);
  const locations = new Interned<Frame>(({ name, file, line }) => `${name}\0${file}\0${line}`);
  const valueType = (field: number, { type, unit }: PprofValueType) =>
    message(field, [int(1, strings.index(type)), int(2, strings.index(unit))]);
  const fields: Bytes[] = profile.sampleTypes.map((type) => valueType(1, type));
  for (const { stack, values, labels } of profile.samples) {
    assert(values.length === profile.sampleTypes.length, `${values.length} values in a sample`);
    const marks = Object.entries(labels).map(([key, text]) =>
      message(3, [int(1, strings.index(key)), int(2, strings.index(text))])
    );
    const ids = stack.map((frame) => locations.index(frame) + 1);
    fields.push(message(2, [packed(1, ids), packed(2, values), ...marks]));
  }
  const has = [7, 8, 9].map((field) => int(field, 1));
  fields.push(message(3, [int(1, 1), int(5, strings.index(profile.program)), ...has]));
  for (const [index, frame] of locations.items.entries()) {
    const line = message(4, [int(1, functions.index(frame) + 1), int(2, frame.line)]);
    fields.push(message(4, [int(1, index + 1), int(2, 1), line]));
  }
  for (const [index, { name, file, line }] of functions.items.entries()) {
    const text = strings.index(name);
    const parts = [int(1, index + 1), int(2, text), int(3, text), int(4, strings.index(file)), int(5, line)];
    fields.push(message(5, parts));
  }
  fields.push(int(9, BigInt(Math.round(profile.timeMs)) * 1_000_000n));
  fields.push(int(10, Math.round(profile.durationUs) * 1000));
  fields.push(valueType(11, profile.periodType), int(12, profile.period));
  for (const comment of profile.comments) fields.push(int(13, strings.index(comment)));
  fields.push(int(14, strings.index(profile.defaultType)));
  // Last, when every string is known; the order of fields does not matter to readers.
  for (const text of strings.items) fields.push(bytes(6, ENCODER.encode(text)));
  return gzipSync(Uint8Array.from(fields.flat()));
}

/** A message is built as a list of bytes: small ones nest by concatenation. */
type Bytes = number[];

const ENCODER = new TextEncoder();
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** A whole, not negative number. */
function int(field: number, value: number | bigint): Bytes {
  return [...varint(field << 3 | VARINT), ...varint(value)];
}

function packed(field: number, values: readonly number[]): Bytes {
  return bytes(field, values.flatMap(varint));
}

function message(field: number, parts: readonly Bytes[]): Bytes {
  return bytes(field, parts.flat());
}

function bytes(field: number, content: ArrayLike<number>): Bytes {
  return [...varint(field << 3 | LENGTH_DELIMITED), ...varint(content.length), ...Array.from(content)];
}

/** Seven bits a byte, the lowest first, the top bit set on all but the last. */
function varint(value: number | bigint): Bytes {
  const result: Bytes = [];
  let rest = BigInt(value);
  assert(rest >= 0n, `varint of ${value}`);
  for (; rest > 127n; rest >>= 7n) result.push(Number(rest & 127n) | 128);
  result.push(Number(rest));
  return result;
}

/** Numbers things from 0 by their key, in the order of their first use. */
class Interned<T> {
  readonly items: T[];
  readonly #key: (item: T) => string;
  readonly #indices = new Map<string, number>();

  constructor(key: (item: T) => string, items: readonly T[] = []) {
    this.#key = key;
    this.items = [];
    for (const item of items) this.index(item);
  }

  index(item: T): number {
    const key = this.#key(item);
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.items.length);
    this.items.push(item);
    return this.items.length - 1;
  }
}
