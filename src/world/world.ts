/**
 * The world: every monitor of this process, in shared memory. The engine thread creates it, adds monitors and writes the
 * columns; workers and the server attach and read. Typical load: a million rows added within seconds at boot, then
 * columns rewritten for the life of the process. It decides nothing: what the values mean is the engine's business.
 *
 * A row is visible to other threads when `count` says so. A worker learns of a row by its job's ring, which orders
 * memory; the server may see a count that is a moment old.
 */
import { assert } from "../base/assert.ts";
import { hashText } from "../base/hash.ts";
import type { ChannelSpec, MonitorSpec } from "../model/monitor.ts";
import { attributesJson, type MonitorRows, ROW, ROW_WORDS } from "../model/monitor_rows.ts";
import { ArenaReader, attachArena, createArena, HEADER_BYTES } from "./arena.ts";
import { ArenaWriter } from "./arena_writer.ts";
import { type AttributeStore, createAttributeStore } from "./attribute_store.ts";
import { columnLayout, type Columns, STATE_COLUMNS } from "./columns.ts";
import { rowsFull, textFull } from "./full.ts";
import { createInterner, type Interner } from "./interning.ts";
import { type Attributes, NO_ATTRIBUTES, type Policy } from "./policy.ts";

export interface WorldOptions {
  /** Most monitors; reserves address space, no memory. */
  readonly capacity: number;
  /** Most bytes of text; by default 128 for each of `capacity`, where a fleet needs 15 to 40. */
  readonly arenaBytes?: number;
}

/** What attachWorld() needs; can be posted to a worker. */
export interface WorldHandle {
  readonly capacity: number;
  readonly columns: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly policies: readonly Policy[];
  readonly channels: readonly ChannelSpec[];
}

/** Bad input: more monitors, or more text, than the process was told to hold. */
export class WorldFullError extends Error {
  override readonly name = "WorldFullError";
}

export function createWorld({ capacity, arenaBytes = defaultArenaBytes(capacity) }: WorldOptions): World {
  assert(Number.isInteger(capacity) && capacity > 0, "a world has room for at least one monitor");
  return new World(capacity, arenaBytes);
}

export function attachWorld(handle: WorldHandle): WorldView {
  return new WorldView(handle);
}

/** What `add` wrote, to be kept on disk: the monitors without what happened to them. Plain JSON. */
export interface WorldImage {
  readonly count: number;
  /** Of the whole arena: offsets are only good in one of the same size. */
  readonly arenaBytes: number;
  readonly arena: { readonly bytes: number; readonly templates: number };
  readonly policies: readonly Policy[];
  readonly channels: readonly ChannelSpec[];
}

/** What a manifest says of one monitor; the policy as an index. */
export interface RowContent {
  readonly name: string;
  readonly target: string;
  readonly remedyTarget: string;
  /** As attributesText(). */
  readonly attributes: string;
  readonly policy: number;
}

const TEXT_SLACK_BYTES = 16_384;

/** Where the three texts of a row stand in its record. */
const NAME = 0;
const TARGET = 1;
const REMEDY_TARGET = 2;

/** What any thread can read. Not for use by two threads at once: each attaches its own. */
export class WorldView {
  readonly columns: Columns;
  /** Most rows there will ever be. */
  readonly capacity: number;
  readonly policies: readonly Policy[];
  readonly channels: readonly ChannelSpec[];
  readonly #count: Uint32Array;
  readonly #goneCount: Uint32Array;
  readonly #texts: ArenaReader;

  constructor(handle: WorldHandle) {
    const { count, goneCount, ...columns } = columnLayout(handle.capacity).attach(handle.columns);
    this.columns = columns;
    this.#count = count;
    this.#goneCount = goneCount;
    this.#texts = new ArenaReader(attachArena(handle.arena));
    this.capacity = handle.capacity;
    this.policies = handle.policies;
    this.channels = handle.channels;
  }

  /** Rows are 0 ≤ row < count; those that a reload took away (`isMonitor`) are among them. */
  get count(): number {
    return this.#count[0] as number;
  }

  /** How many of the rows are monitors. */
  get monitors(): number {
    return (this.#count[0] as number) - (this.#goneCount[0] as number);
  }

  /** Whether a row below `count` is a monitor of the manifest. */
  isMonitor(row: number): boolean {
    return this.columns.gone[row] === 0;
  }

  name(row: number): string {
    return this.#texts.text(this.#record(row), NAME);
  }

  target(row: number): string {
    return this.#texts.text(this.#record(row), TARGET);
  }

  /** The target's UTF-8 to the beginning of `into`; its length. Makes no string. */
  copyTarget(row: number, into: Uint8Array): number {
    return this.#texts.copy(this.#record(row), TARGET, into);
  }

  /** "" when the monitor has no remedy. */
  remedyTarget(row: number): string {
    return this.#texts.text(this.#record(row), REMEDY_TARGET);
  }

  attributes(row: number): Attributes {
    const text = this.attributesText(row);
    return text === "" ? NO_ATTRIBUTES : JSON.parse(text);
  }

  /** The JSON of the attributes; "" when all of them are empty. */
  attributesText(row: number): string {
    const offset = this.columns.attributes[row] as number;
    return offset === 0 ? "" : this.#texts.text(offset, 0);
  }

  /** Row of the monitor with exactly this name, or -1. Scans one column: 1 to 6 ms per million rows. */
  find(name: string): number {
    const identity = hashText(name);
    const bytes = this.#texts.encode(name);
    const identities = this.columns.identity;
    const count = this.count;
    for (let row = 0; row < count; row++) {
      if (identities[row] !== identity || !this.isMonitor(row)) continue;
      if (this.#texts.equals(this.#record(row), NAME, bytes)) return row;
    }
    return -1;
  }

  /** A test for "the name of this row contains `part`" that makes no string per row. */
  nameMatcher(part: string): (row: number) => boolean {
    const bytes = this.#texts.encode(part);
    return (row) => this.#texts.contains(this.#record(row), NAME, bytes);
  }

  #record(row: number): number {
    const offset = this.columns.text[row];
    assert(offset !== undefined && offset !== 0, "the row is in use");
    return offset;
  }
}

/** The writer's side, on the engine thread. */
export class World extends WorldView {
  readonly #handle: WorldHandle;
  readonly #writer: ArenaWriter;
  readonly #interner: Interner;
  readonly #attributes: AttributeStore;
  readonly #rowsInUse: Uint32Array;
  readonly #rowsGone: Uint32Array;
  /** By the specs that stand for many rows. */
  readonly #policies = new WeakMap<MonitorSpec, number>();
  #unlisted = 0;

  constructor(capacity: number, arenaBytes: number) {
    const interner = createInterner();
    const layout = columnLayout(capacity);
    const columns = layout.allocate();
    const arena = createArena(arenaBytes);
    const handle = { capacity, columns, arena, policies: interner.policies, channels: interner.channels };
    super(handle);
    this.#handle = handle;
    this.#interner = interner;
    this.#writer = new ArenaWriter(attachArena(arena));
    this.#attributes = createAttributeStore(this.#writer);
    const { count, goneCount } = layout.attach(columns);
    this.#rowsInUse = count;
    this.#rowsGone = goneCount;
  }

  /** Row of the new monitor. Throws WorldFullError, having added nothing. The caller knows that the name is new. */
  add(spec: MonitorSpec): number {
    const row = this.count;
    if (row + this.#unlisted === this.capacity) throw new WorldFullError(rowsFull(spec.name, this.capacity));
    this.#write(row, spec);
    this.#rowsInUse[0] = row + 1;
    return row;
  }

  /** As add(), for what is checked and is no monitor: its row is at the far end, above `count`, and in no list. */
  addUnlisted(spec: MonitorSpec): number {
    const row = this.capacity - 1 - this.#unlisted;
    if (row < this.count) throw new WorldFullError(rowsFull(spec.name, this.capacity));
    this.#write(row, spec);
    this.#unlisted++;
    return row;
  }

  #write(row: number, spec: MonitorSpec): void {
    const remedyTarget = spec.remedy?.target ?? "";
    const attributes = attributesJson(spec);
    const units = spec.name.length + spec.probe.target.length + remedyTarget.length + attributes.length;
    if (!this.#writer.hasRoom(units, 4)) {
      throw new WorldFullError(textFull(spec.name, this.#handle.arena.byteLength));
    }

    const policy = this.#interner.policyOf(spec);
    this.#store(row, { name: spec.name, target: spec.probe.target, remedyTarget, attributes, policy });
    this.columns.wheelNext[row] = -1;
    this.columns.wheelPrevious[row] = -1;
  }

  #store(row: number, { name, target, remedyTarget, attributes, policy }: RowContent): void {
    const { columns } = this;
    columns.attributes[row] = this.#attributes.store(attributes);
    this.#writer.stage(name);
    columns.identity[row] = this.#writer.stagedHash();
    this.#writer.stage(target);
    this.#writer.stage(remedyTarget);
    columns.text[row] = this.#writer.commit();
    columns.policy[row] = policy;
  }

  /** Whether so many new rows, and texts that take so many bytes in another world, have room beside what is there. */
  hasRoomFor({ rows, textBytes }: { readonly rows: number; readonly textBytes: number }): boolean {
    // Numbers of templates may be longer here than there.
    const bytes = this.arenaBytesUsed + textBytes * 1.5 + TEXT_SLACK_BYTES;
    return this.count + this.#unlisted + rows <= this.capacity && bytes <= this.#handle.arena.byteLength;
  }

  /** Makes policies and channels known behind those there are. */
  extend(more: Pick<WorldHandle, "policies" | "channels">): void {
    this.#interner.extend(more);
  }

  /** The row is another monitor's from now on, or the same one's with another content. Its state is not touched. */
  rewrite(row: number, content: RowContent): void {
    assert(row < this.count, "a row that is rewritten is there");
    this.#store(row, content);
  }

  /** A monitor in a row that was removed, or in the next new one: pending, never checked. */
  place(row: number, content: RowContent): void {
    const { columns } = this;
    assert(row === this.count || columns.gone[row] === 1, `row ${row} is free`);
    for (const name of STATE_COLUMNS) columns[name][row] = 0;
    columns.wheelNext[row] = -1;
    columns.wheelPrevious[row] = -1;
    this.#store(row, content);
    if (columns.gone[row] === 1) {
      columns.gone[row] = 0;
      (this.#rowsGone[0] as number)--;
    } else this.#rowsInUse[0] = row + 1;
  }

  /** No monitor any more. What it was stays readable until the row is used again. */
  remove(row: number): void {
    assert(row < this.count && this.isMonitor(row), `row ${row} is a monitor`);
    this.columns.gone[row] = 1;
    (this.#rowsGone[0] as number)++;
  }

  /**
   * As add() for the enabled ones of the first `count` rows, about 1 µs each. Throws WorldFullError, having added those
   * before.
   */
  addRows(rows: MonitorRows, count: number): void {
    const policies = rows.specs.map((spec) => spec.enabled ? this.#policyOf(spec) : -1);
    const { words } = rows;
    let at = 0;
    for (let base = 0; base < count * ROW_WORDS; base += ROW_WORDS) {
      const policy = policies[words[base + ROW.spec] as number] as number;
      const bytes = (words[base + ROW.nameBytes] as number) + (words[base + ROW.targetBytes] as number) +
        (words[base + ROW.remedyTargetBytes] as number) + (words[base + ROW.attributesBytes] as number);
      if (policy >= 0) this.#addRow(rows, base, { policy, at, bytes });
      at += bytes;
    }
  }

  #policyOf(spec: MonitorSpec): number {
    let policy = this.#policies.get(spec);
    if (policy === undefined) this.#policies.set(spec, policy = this.#interner.policyOf(spec));
    return policy;
  }

  #addRow(
    rows: MonitorRows,
    words: number,
    { policy, at, bytes }: { readonly policy: number; readonly at: number; readonly bytes: number },
  ): void {
    const row = this.count;
    const writer = this.#writer;
    const nameBytes = rows.words[words + ROW.nameBytes] as number;
    const targetBytes = rows.words[words + ROW.targetBytes] as number;
    const remedyBytes = rows.words[words + ROW.remedyTargetBytes] as number;
    if (row + this.#unlisted === this.capacity) {
      throw new WorldFullError(rowsFull(textAt(rows, at, nameBytes), this.capacity));
    }
    if (!writer.hasRoom(bytes, 4)) {
      throw new WorldFullError(textFull(textAt(rows, at, nameBytes), this.#handle.arena.byteLength));
    }
    const { columns } = this;
    const texts = nameBytes + targetBytes + remedyBytes;
    columns.attributes[row] = this.#attributes.store(textAt(rows, at + texts, bytes - texts));
    writer.stageBytes(rows.bytes, at, nameBytes);
    columns.identity[row] = writer.stagedHash();
    writer.stageBytes(rows.bytes, at + nameBytes, targetBytes);
    writer.stageBytes(rows.bytes, at + nameBytes + targetBytes, remedyBytes);
    columns.text[row] = writer.commit();
    columns.policy[row] = policy;
    columns.wheelNext[row] = -1;
    columns.wheelPrevious[row] = -1;
    this.#rowsInUse[0] = row + 1;
  }

  /** Policies and channels are those known by then: rows added later need a handle of their own. */
  handle(): WorldHandle {
    return { ...this.#handle, policies: [...this.policies], channels: [...this.channels] };
  }

  image(): WorldImage {
    return {
      count: this.count,
      arenaBytes: this.#handle.arena.byteLength,
      arena: this.#writer.image,
      policies: this.policies,
      channels: this.channels,
    };
  }

  /** The memory that belongs to an image, in a fixed order: to be written to a file, or filled from it before adopt(). */
  memory({ count, arena }: Pick<WorldImage, "count" | "arena">): readonly Uint8Array[] {
    const columns = [this.columns.policy, this.columns.attributes, this.columns.text, this.columns.identity];
    return [
      ...columns.map(({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset, count * 4)),
      new Uint8Array(this.#handle.arena, HEADER_BYTES, arena.bytes - HEADER_BYTES),
    ];
  }

  /** Whether an image is one for a world of this size. */
  canAdopt(image: Pick<WorldImage, "count" | "arenaBytes">): boolean {
    return image.count <= this.capacity && image.arenaBytes === this.#handle.arena.byteLength;
  }

  /** Makes the rows of an image known, whose memory() was filled. Only for a world that is empty. */
  adopt(image: WorldImage): void {
    assert(this.count === 0 && this.canAdopt(image), "an image is adopted by a new world of its size");
    this.#writer.adopt(image.arena);
    this.#interner.adopt(image);
    this.columns.wheelNext.fill(-1, 0, image.count);
    this.columns.wheelPrevious.fill(-1, 0, image.count);
    this.#rowsInUse[0] = image.count;
  }

  /** Bytes of text stored, templates and their table included. */
  get arenaBytesUsed(): number {
    return this.#writer.bytesUsed;
  }
}

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

function textAt(rows: MonitorRows, at: number, bytes: number): string {
  return bytes === 0 ? "" : DECODER.decode(rows.bytes.subarray(at, at + bytes));
}

function defaultArenaBytes(capacity: number): number {
  return Math.min(65_536 + capacity * 128, 0xffff_0000);
}
