/**
 * Where a block-style YAML file can be cut: the lists of monitors, by byte range, and the rest. One pass over the bytes
 * (about 1 GB/s), nothing is parsed.
 *
 * Why lines are enough: in block style every line of a value stands further right than its key or its dash, except
 * comments and empty lines (YAML 1.2 §8.1–8.2; the parser refuses "deficient indentation" for quoted and flow text too).
 * So in a root mapping a line that begins in column 1 begins a key, and in a list at indent k a line of k spaces and a
 * dash begins an entry. Whatever is not surely of that form (flow or quoted root, tags, anchors on the list, directives,
 * lone carriage returns) is not cut; nor is a file that may hold aliases, since they may reach from entry to entry.
 */
import { Buffer } from "node:buffer";
import { ITEM_BYTES_MAX } from "./limits.ts";

/** The entries of one list of monitors. Bytes, `end` exclusive; the line of the first byte, from 1; spaces before a dash. */
export interface ItemsRange {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** Of the byte at `end`. */
  readonly endLine: number;
  readonly indent: number;
}

export interface CutPlan {
  /** False: parse the whole. */
  readonly cuttable: boolean;
  readonly mayHaveAliases: boolean;
  readonly items: readonly ItemsRange[];
  readonly bytes: number;
}

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const HASH = 35;
const STAR = 42;
const DASH = 45;

export async function planCuts(bytes: AsyncIterable<Uint8Array>): Promise<CutPlan> {
  const scan = new LineScan();
  let carry: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const part of bytes) {
    const block = carry.length === 0
      ? Buffer.from(part.buffer, part.byteOffset, part.length)
      : Buffer.concat([carry, part]);
    const end = block.lastIndexOf(NEWLINE) + 1;
    scan.block(block.subarray(0, end), offset);
    carry = Buffer.from(block.subarray(end));
    offset += end;
    if (carry.length > ITEM_BYTES_MAX) scan.cuttable = false;
    if (!scan.cuttable) {
      offset += carry.length;
      carry = Buffer.alloc(0);
    }
  }
  scan.block(carry, offset);
  const total = offset + carry.length;
  scan.close(total);
  return { cuttable: scan.cuttable, mayHaveAliases: scan.mayHaveAliases, items: scan.items, bytes: total };
}

class LineScan {
  cuttable = true;
  mayHaveAliases = false;
  items: ItemsRange[] = [];
  #line = 1;
  /** Of the document: nothing met yet, a mapping, a list, or closed by `...`. */
  #root: "none" | "mapping" | "list" = "none";
  /** The list that is open: its first entry may still be to come (indent -1). */
  #list: { start: number; line: number; indent: number } | undefined;

  /** Whole lines (the last one of the file may lack its end). */
  block(block: Buffer, offset: number): void {
    if (!this.cuttable) return;
    this.mayHaveAliases ||= holdsAlias(block);
    const crossed = block.includes(RETURN) && loneReturn(block);
    for (let start = 0; start < block.length && this.cuttable;) {
      let end = block.indexOf(NEWLINE, start);
      if (end < 0) end = block.length;
      const first = block[start];
      const neutral = first === SPACE || first === HASH || first === RETURN || start === end;
      if (!neutral) this.#atMargin(block.subarray(start, end).toString("latin1"), offset + start);
      else if (this.#list?.indent === -1 || this.#root === "none") {
        this.#inner(block.subarray(start, end).toString("latin1"), offset + start);
      }
      this.#line++;
      start = end + 1;
    }
    if (crossed) this.cuttable = false;
  }

  close(offset: number): void {
    const list = this.#list;
    this.#list = undefined;
    if (list === undefined || list.indent < 0) return;
    this.items.push({ ...list, end: offset, endLine: this.#line });
  }

  /** A line that begins in column 1 and says something. */
  #atMargin(line: string, offset: number): void {
    if (/^(---|\.\.\.)[ \t]*(#.*)?\r?$/.test(line)) {
      this.close(offset);
      this.#root = "none";
    } else if (line.charCodeAt(0) === DASH && /^-[ \t\r]|^-$/.test(line)) {
      if (this.#list?.indent === -1) this.#openList(0, offset);
      else if (this.#root === "none") this.#openRootList(0, offset);
      else if (this.#list !== undefined && this.#list.indent > 0) this.cuttable = false;
    } else if (
      /^([A-Za-z_][\w.-]*|"[\w.-]+"|'[\w.-]+')[ \t]*:([ \t\r]|$)/.test(line) && this.#root !== "list"
    ) {
      this.close(offset);
      this.#root = "mapping";
      if (/^(monitors|"monitors"|'monitors')[ \t]*:/.test(line)) this.#openMonitors(line, offset);
    } else this.cuttable = false;
  }

  #openMonitors(line: string, offset: number): void {
    if (!/^[^:]*:[ \t]*(#.*)?\r?$/.test(line)) this.cuttable = false;
    this.#list = { start: offset, line: this.#line, indent: -1 };
  }

  /** A line that begins with a space, a comment, or nothing, where the first entry of a list may be met. */
  #inner(line: string, offset: number): void {
    const text = line.trimEnd();
    const indent = text.length - text.trimStart().length;
    if (text === "" || text[indent] === "#") return;
    if (text.startsWith("\t") || !/^ *-([ \t]|$)/.test(text)) this.cuttable = false;
    else if (this.#list === undefined) this.#openRootList(indent, offset);
    else this.#openList(indent, offset);
  }

  #openRootList(indent: number, offset: number): void {
    this.#root = "list";
    this.#openList(indent, offset);
  }

  #openList(indent: number, offset: number): void {
    this.#list = { start: offset, line: this.#line, indent };
  }
}

/** A star that may begin an alias: at the start of a value, and followed by a name. Too many are found, never too few. */
function holdsAlias(block: Buffer): boolean {
  for (let at = block.indexOf(STAR); at >= 0; at = block.indexOf(STAR, at + 1)) {
    const before = at === 0 ? "\n" : String.fromCharCode(block[at - 1] as number);
    const after = String.fromCharCode(block[at + 1] ?? NEWLINE);
    if (/[\s,[{:?]/.test(before) && !/[\s,[\]{}]/.test(after)) return true;
  }
  return false;
}

function loneReturn(block: Buffer): boolean {
  for (let at = block.indexOf(RETURN); at >= 0; at = block.indexOf(RETURN, at + 1)) {
    if (block[at + 1] !== NEWLINE) return true;
  }
  return false;
}
