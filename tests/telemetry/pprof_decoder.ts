/** A strict reader of profile.proto, independent of the encoder: refuses what pprof's own checks (profile.CheckValid) refuse. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";

type Message = Map<number, (bigint | Uint8Array)[]>;

export interface DecodedSample {
  /** Names of the functions, the innermost first. */
  readonly stack: readonly string[];
  readonly files: readonly string[];
  readonly lines: readonly number[];
  readonly values: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Decoded {
  readonly types: readonly string[];
  readonly defaultType: string;
  readonly periodType: string;
  readonly period: number;
  readonly timeNanos: bigint;
  readonly durationNanos: number;
  readonly samples: readonly DecodedSample[];
  readonly comments: readonly string[];
}

export function decodePprof(gzipped: Uint8Array): Decoded {
  const profile = read(gunzipSync(gzipped));
  allow(profile, [1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14]);
  const strings = all(profile, 6).map((bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  assert.equal(strings[0], "", "the first string is empty");
  assert.equal(new Set(strings).size, strings.length, "each string once");
  const text = (index: number) => {
    assert.ok(index < strings.length, `string ${index} of ${strings.length}`);
    return strings[index] as string;
  };
  const valueType = (bytes: Uint8Array) => {
    const message = allow(read(bytes), [1, 2]);
    return `${text(int(message, 1))}/${text(int(message, 2))}`;
  };
  const mappings = new Set(all(profile, 3).map((bytes) => int(allow(read(bytes), [1, 5, 7, 8, 9]), 1)));
  const functions = byId(all(profile, 5).map((bytes) => allow(read(bytes), [1, 2, 3, 4, 5])));
  const locations = byId(all(profile, 4).map((bytes) => allow(read(bytes), [1, 2, 4])));
  const types = all(profile, 1).map(valueType);
  const samples = all(profile, 2).map((bytes): DecodedSample => {
    const message = allow(read(bytes), [1, 2, 3]);
    const values = packed(message, 2);
    assert.equal(values.length, types.length, "a value per type");
    const frames = packed(message, 1).map((id) => {
      const location = locations.get(id) as Message;
      assert.ok(location !== undefined, `location ${id}`);
      assert.ok(mappings.has(int(location, 2)), "its mapping");
      const lines = all(location, 4);
      assert.equal(lines.length, 1);
      const line = allow(read(lines[0] as Uint8Array), [1, 2]);
      const func = functions.get(int(line, 1)) as Message;
      assert.ok(func !== undefined, "its function");
      return { name: text(int(func, 2)), file: text(int(func, 4)), line: int(line, 2) };
    });
    const labels = all(message, 3).map((label) => {
      const pair = allow(read(label), [1, 2]);
      return [text(int(pair, 1)), text(int(pair, 2))];
    });
    assert.ok(frames.length > 0 && frames.every(({ name }) => name !== ""), "a stack of named functions");
    return {
      stack: frames.map(({ name }) => name),
      files: frames.map(({ file }) => file),
      lines: frames.map(({ line }) => line),
      values,
      labels: Object.fromEntries(labels),
    };
  });
  return {
    types,
    defaultType: text(int(profile, 14)),
    periodType: valueType(all(profile, 11)[0] as Uint8Array),
    period: int(profile, 12),
    timeNanos: (profile.get(9)?.[0] ?? 0n) as bigint,
    durationNanos: int(profile, 10),
    samples,
    comments: (profile.get(13) ?? []).map((index) => text(Number(index))),
  };
}

function read(bytes: Uint8Array): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      assert.ok(at < bytes.length && shift < 70n, "a whole varint");
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = tag >> 3;
    let value: bigint | Uint8Array = varint();
    if ((tag & 7) === 2) {
      const end = at + Number(value);
      assert.ok(end <= bytes.length, `field ${field} ends within its message`);
      value = bytes.subarray(at, end);
      at = end;
    } else assert.equal(tag & 7, 0, `wire type of field ${field}`);
    message.set(field, [...message.get(field) ?? [], value]);
  }
  return message;
}

function allow(message: Message, fields: readonly number[]): Message {
  for (const field of message.keys()) assert.ok(fields.includes(field), `unknown field ${field}`);
  return message;
}

function all(message: Message, field: number): Uint8Array[] {
  return (message.get(field) ?? []).map((value) => {
    assert.ok(value instanceof Uint8Array, `field ${field} has a length`);
    return value;
  });
}

function int(message: Message, field: number): number {
  const values = message.get(field) ?? [0n];
  assert.equal(values.length, 1, `field ${field} once`);
  assert.equal(typeof values[0], "bigint");
  return Number(values[0]);
}

function packed(message: Message, field: number): number[] {
  const parts = all(message, field);
  assert.equal(parts.length, 1);
  // A packed field reads like a message without tags.
  const values: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of parts[0] as Uint8Array) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte > 127) continue;
    values.push(Number(value));
    value = shift = 0n;
  }
  assert.equal(shift, 0n, "the last varint is whole");
  return values;
}

function byId(messages: readonly Message[]): Map<number, Message> {
  const map = new Map(messages.map((message) => [int(message, 1), message]));
  assert.equal(map.size, messages.length, "ids are unique");
  assert.ok(!map.has(0), "no id is 0");
  return map;
}
