/**
 * Several typed arrays laid out in one SharedArrayBuffer. For everything that threads share: the channel, the world's
 * columns, the metrics. Laid out once at boot; it has no opinion on who writes what and uses no Atomics.
 *
 *   0        128                    128 · n                128 · m
 *   ├────────┼──────────────────────┼──────────────────────┼─ …
 *   signature  first column           second column
 *
 * Every column starts on a boundary of 128 bytes, so that two columns never share a cache line (64 bytes, fetched in pairs).
 */
import { assert } from "../base/assert.ts";
import { hashText } from "../base/hash.ts";

export interface ColumnArrays {
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly u32: Uint32Array<SharedArrayBuffer>;
  readonly u16: Uint16Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
}
export type ColumnType = keyof ColumnArrays;

export interface ColumnShape {
  readonly type: ColumnType;
  /** Elements, not bytes. */
  readonly length: number;
}

export type ColumnsOf<Shape extends Readonly<Record<string, ColumnShape>>> = {
  readonly [Name in keyof Shape]: ColumnArrays[Shape[Name]["type"]];
};

export interface Layout<Columns> {
  readonly bytes: number;
  /** A new zeroed buffer of this layout; its untouched pages cost no memory. */
  allocate(): SharedArrayBuffer;
  /** The columns of a buffer that came from allocate() of an equal layout, here or in another thread: asserted. */
  attach(buffer: SharedArrayBuffer): Columns;
}

/** Columns lie in the order of the shape's keys. */
export function createLayout<const Shape extends Readonly<Record<string, ColumnShape>>>(
  shape: Shape,
): Layout<ColumnsOf<Shape>> {
  const signature = signatureOf(shape);
  const offsets = new Map<string, number>();
  let bytes = COLUMN_ALIGN_BYTES;
  for (const [name, column] of Object.entries(shape)) {
    assert(
      Number.isSafeInteger(column.length) && column.length >= 0,
      `column ${name}: length ${column.length}`,
    );
    offsets.set(name, bytes);
    const end = bytes + column.length * ELEMENT_BYTES[column.type];
    bytes = Math.ceil(end / COLUMN_ALIGN_BYTES) * COLUMN_ALIGN_BYTES;
  }
  return {
    bytes,
    allocate() {
      const buffer = new SharedArrayBuffer(bytes);
      new Uint32Array(buffer, 0, 1)[0] = signature;
      return buffer;
    },
    attach(buffer) {
      assert(
        buffer.byteLength === bytes,
        `shared layout: ${bytes} bytes expected, ${buffer.byteLength} found`,
      );
      assert(
        new Uint32Array(buffer, 0, 1)[0] === signature,
        "shared layout: the buffer was laid out otherwise",
      );
      const columns: Record<string, ColumnArrays[ColumnType]> = {};
      for (const [name, column] of Object.entries(shape)) {
        columns[name] = view(buffer, offsets.get(name) as number, column);
      }
      return columns as ColumnsOf<Shape>;
    },
  };
}

const COLUMN_ALIGN_BYTES = 128;

const ELEMENT_BYTES: Readonly<Record<ColumnType, number>> = { i32: 4, u32: 4, u16: 2, u8: 1, f64: 8 };

function view(buffer: SharedArrayBuffer, offset: number, column: ColumnShape): ColumnArrays[ColumnType] {
  switch (column.type) {
    case "i32":
      return new Int32Array(buffer, offset, column.length);
    case "u32":
      return new Uint32Array(buffer, offset, column.length);
    case "u16":
      return new Uint16Array(buffer, offset, column.length);
    case "u8":
      return new Uint8Array(buffer, offset, column.length);
    case "f64":
      return new Float64Array(buffer, offset, column.length);
  }
}

function signatureOf(shape: Readonly<Record<string, ColumnShape>>): number {
  return hashText(
    Object.entries(shape).map(([name, column]) => `${name}:${column.type}[${column.length}]`).join(";"),
  );
}
