/** The monitors of one file as they come: whole lists, cut lists piece by piece, JSON lines. Nothing is kept. */
import type { MonitorSpec } from "../model/monitor.ts";
import { aliasFault } from "./alias_weight.ts";
import { chunksOf, splitEntries } from "./chunks.ts";
import type { ItemsRange } from "./cut_plan.ts";
import type { ManifestDocument } from "./documents.ts";
import { type Form, type Found, specOf } from "./form.ts";
import type { EntryAt, FormReader } from "./form_reader.ts";
import type { InputFile } from "./input.ts";
import { isMapping } from "./layers.ts";
import { WHOLE_BYTES_MAX } from "./limits.ts";
import type { Path, Place } from "./problem.ts";
import { placeAt, type SourceText, wholeText } from "./source_text.ts";
import { parseYaml, type YamlDocument } from "./yaml.ts";

/** Some entries of a list that were parsed together. */
export interface EntryList {
  readonly ok: true;
  readonly source: SourceText;
  readonly document: YamlDocument;
  readonly values: readonly unknown[];
  /** From the document's root to one of the values. */
  readonly pathTo: (index: number) => Path;
  /** Of the first of them, in the list they belong to, and what leads to that list: `monitors`. */
  readonly firstIndex: number;
  readonly listPath: Path;
  /** Whether `$` occurs anywhere in the text. */
  readonly hasVariables: boolean;
}

/** An entry that does not parse. */
export interface BrokenEntry {
  readonly ok: false;
  readonly place: Place;
  readonly message: string;
}

/** An entry that is good, because it is like one that was. */
export interface KnownEntry {
  readonly ok: "known";
  readonly monitor: MonitorSpec;
  readonly place: Place;
  /** Parses it after all: it is good by itself, but may not be among the others. */
  readonly parse: () => Piece[];
}

export type Piece = EntryList | BrokenEntry | KnownEntry;

/** How many entries of the list it stands for. */
export function entriesIn(piece: Piece): number {
  return piece.ok === true ? piece.values.length : 1;
}

export interface ListRange {
  /** Undefined: the whole file, JSON lines. An indent below 0: a part of JSON lines. */
  readonly cut?: Omit<ItemsRange, "endLine">;
  readonly listPath: Path;
  /** Whether an entry may lean on another, through an alias. */
  readonly leans: boolean;
  /** Entries of the list before the range. */
  readonly firstIndex?: number;
}

/** The lists of monitors in a file: whole where they are in memory, else by range. */
export function listsOf(
  file: InputFile,
  documents: readonly ManifestDocument[],
): readonly (EntryList | ListRange)[] {
  if (file.format === "jsonl") return [{ listPath: ["monitors"], leans: false }];
  return documents.flatMap((manifest): readonly (EntryList | ListRange)[] => {
    const { cut, listPath, mayHaveAliases } = manifest;
    return cut === undefined ? inlineOf(manifest) : [{ cut, listPath, leans: mayHaveAliases }];
  });
}

/** A part of a list that begins and ends between two entries. Throws InputError. */
export async function* rangeOf(
  file: InputFile,
  { cut, listPath, firstIndex: before = 0 }: ListRange,
  forms: FormReader | undefined,
): AsyncGenerator<readonly Piece[], void> {
  const indent = cut === undefined || cut.indent < 0 ? undefined : cut.indent;
  const options = { file: file.name, line: cut?.line ?? 1, ...(indent === undefined ? {} : { indent }) };
  let firstIndex = before;
  for await (const source of chunksOf(file.bytes(cut), options)) {
    const pieces: Piece[] = [];
    const parse = (text: SourceText) => parseText({ source: text, firstIndex, listPath, indent });
    const take = (text: SourceText) => {
      for (const piece of parse(text)) {
        pieces.push(piece);
        firstIndex += entriesIn(piece);
      }
    };
    if (forms === undefined) take(source);
    else {
      forms.read(source, {
        unknown: take,
        known: (form, found, at) => {
          pieces.push(knownEntry({ source, form, found, at }, parse));
          firstIndex++;
        },
      });
    }
    yield pieces;
  }
}

function knownEntry(
  { source, form, found, at }: {
    readonly source: SourceText;
    readonly form: Form;
    readonly found: Found;
    readonly at: EntryAt;
  },
  parse: (text: SourceText) => Piece[],
): KnownEntry {
  const { file, text } = source;
  const { end } = found;
  return {
    ok: "known",
    monitor: specOf(form, found),
    place: { file, line: at.line + form.line, column: form.column },
    parse: () => parse(wholeText({ file, text: text.slice(at.start, end), line: at.line })),
  };
}

function inlineOf({ source, document, listPath }: ManifestDocument): readonly EntryList[] {
  const list = isMapping(document.value) ? document.value.monitors : document.value;
  if (!Array.isArray(list)) return [];
  const pathTo = (index: number) => [...listPath, index];
  return [entryList({ source, document, values: list, pathTo, firstIndex: 0, listPath })];
}

/** Whole entries, each like the others of its list. */
export function parseText(chunk: Chunk): Piece[] {
  return chunk.indent === undefined ? parseLines(chunk) : parsePiece({ ...chunk, indent: chunk.indent });
}

export interface Chunk {
  readonly source: SourceText;
  readonly firstIndex: number;
  readonly listPath: Path;
  /** Undefined: JSON lines. */
  readonly indent: number | undefined;
}

/** A chunk that does not parse is read entry by entry: the others still count. */
function parsePiece(chunk: Chunk & { readonly indent: number }): Piece[] {
  const { source, firstIndex, listPath } = chunk;
  const parsed = parseYaml(source.text);
  const document = parsed.ok ? parsed.documents[0] : undefined;
  const fault = document?.hasAliases === true ? aliasFault(document.value) : undefined;
  if (document !== undefined && fault === undefined) {
    const values = Array.isArray(document.value) ? document.value : [];
    return [entryList({ source, document, values, pathTo: (index) => [index], firstIndex, listPath })];
  }
  const entries = splitEntries(source, chunk.indent);
  if (entries.length > 1) {
    return entries.flatMap((entry, index) =>
      parsePiece({ ...chunk, source: entry, firstIndex: firstIndex + index })
    );
  }
  const message = parsed.ok ? fault ?? "expected a monitor" : cutMessage(parsed.message);
  return [{ ok: false, place: placeAt(source, parsed.ok ? 0 : parsed.offset), message }];
}

/** Files that may hold aliases are only cut when they are too large to be parsed whole. */
function cutMessage(message: string): string {
  if (!message.startsWith("the alias")) return message;
  return `${message}; in a file above ${
    WHOLE_BYTES_MAX >> 20
  } MiB aliases do not reach from monitor to monitor`;
}

function parseLines({ source, firstIndex }: Chunk): Piece[] {
  const first = placeAt(source, 0).line;
  const pieces: Piece[] = [];
  for (const [offset, text] of source.text.split("\n").entries()) {
    if (text.trim() === "") continue;
    const line = wholeText({ file: source.file, text, line: first + offset });
    pieces.push(parseLine(line, firstIndex + pieces.length));
  }
  return pieces;
}

function parseLine(source: SourceText, firstIndex: number): Piece {
  const parsed = parseYaml(source.text);
  if (!parsed.ok) return { ok: false, place: placeAt(source, parsed.offset), message: parsed.message };
  const document = parsed.documents[0];
  if (document === undefined || document.hasAliases) {
    return {
      ok: false,
      place: placeAt(source, 0),
      message: "expected one monitor a line, as a JSON mapping",
    };
  }
  const values = [document.value];
  return entryList({ source, document, values, pathTo: () => [], firstIndex, listPath: ["monitors"] });
}

function entryList(list: Omit<EntryList, "ok" | "hasVariables">): EntryList {
  return { ok: true, hasVariables: list.source.text.includes("$"), ...list };
}
