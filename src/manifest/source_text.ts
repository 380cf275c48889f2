/**
 * A piece of a manifest's text that still knows which lines of the file it came from. A file that is cut in pieces gives
 * several of them, and one may itself be glued from parts of the file (what stands before and after `monitors:`).
 */
import type { Place } from "./problem.ts";

export interface SourceText {
  readonly file: string;
  readonly text: string;
  /** Ascending by offset, the first at 0: the text from `offset` (UTF-16 units) on begins at `line` (from 1) of the file. */
  readonly parts: readonly { readonly offset: number; readonly line: number }[];
}

export function wholeText(
  options: { readonly file: string; readonly text: string; readonly line?: number },
): SourceText {
  return { file: options.file, text: options.text, parts: [{ offset: 0, line: options.line ?? 1 }] };
}

/** Offsets past the end give the end. The first call for a text walks it once; later ones are logarithmic. */
export function placeAt(source: SourceText, offset: number): Place {
  const end = Math.min(offset, source.text.length);
  const known = knownOf(source);
  const { starts } = known;
  const index = lastAtMost(starts, end);
  const start = starts[index] as number;
  let part = source.parts[0] as SourceText["parts"][number];
  for (const candidate of source.parts) {
    if (candidate.offset <= end) part = candidate;
  }
  const line = part.line + index - lastAtMost(starts, part.offset);
  return { file: source.file, line, column: columnAt(source.text, { start, end, known }) };
}

/** What was found out of a text; columns are counted on from the last one, since a list on one line asks for thousands. */
interface Known {
  readonly starts: readonly number[];
  last: { readonly start: number; readonly end: number; readonly column: number };
}

/** In characters, from 1. */
function columnAt(
  text: string,
  at: { readonly start: number; readonly end: number; readonly known: Known },
): number {
  const { last } = at.known;
  const goesOn = last.start === at.start && last.end <= at.end;
  let column = goesOn ? last.column : 1;
  for (let i = goesOn ? last.end : at.start; i < at.end; i++) {
    // The second half of a pair belongs to the character before it.
    const unit = text.charCodeAt(i);
    if (unit < 0xdc00 || unit > 0xdfff || i === at.start) column++;
  }
  at.known.last = { start: at.start, end: at.end, column };
  return column;
}

const KNOWN = new WeakMap<SourceText, Known>();

function knownOf(source: SourceText): Known {
  let known = KNOWN.get(source);
  if (known === undefined) {
    known = { starts: lineStarts(source.text), last: { start: 0, end: 0, column: 1 } };
    KNOWN.set(source, known);
  }
  return known;
}

/** Offsets at which lines begin; YAML 1.2 §5.4: LF, CR LF, CR. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  if (text.includes("\r")) {
    for (const found of text.matchAll(/\r(?!\n)/g)) starts.push(found.index + 1);
    starts.sort((a, b) => a - b);
  }
  return starts;
}

/** Index of the last entry that is at most the wanted one; the first entry always is. */
function lastAtMost(ascending: readonly number[], wanted: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ascending[middle] as number) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
