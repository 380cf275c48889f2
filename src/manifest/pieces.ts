/** The monitors of one file as they come: whole lists, cut lists piece by piece, JSON lines. Nothing is kept. */
import { aliasFault } from "./alias_weight.ts";
import { chunksOf, splitEntries } from "./chunks.ts";
import type { ManifestDocument } from "./documents.ts";
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

export type Piece = EntryList | BrokenEntry;

/** Throws InputError. */
export async function* piecesOf(
  file: InputFile,
  documents: readonly ManifestDocument[],
): AsyncGenerator<readonly Piece[], void> {
  if (file.format === "jsonl") yield* linesOf(file);
  for (const manifest of documents) {
    if (manifest.cut === undefined) yield inlineOf(manifest);
    else yield* cutOf(file, manifest);
  }
}

function inlineOf({ source, document, listPath }: ManifestDocument): readonly Piece[] {
  const list = isMapping(document.value) ? document.value.monitors : document.value;
  if (!Array.isArray(list)) return [];
  const pathTo = (index: number) => [...listPath, index];
  return [entryList({ source, document, values: list, pathTo, firstIndex: 0, listPath })];
}

async function* cutOf(file: InputFile, manifest: ManifestDocument): AsyncGenerator<readonly Piece[], void> {
  const { cut, listPath } = manifest;
  if (cut === undefined) return;
  const chunks = chunksOf(file.bytes(cut), { file: file.name, line: cut.line, indent: cut.indent });
  let firstIndex = 0;
  for await (const source of chunks) {
    const pieces = parsePiece({ source, firstIndex, listPath, indent: cut.indent });
    yield pieces;
    for (const piece of pieces) firstIndex += piece.ok ? piece.values.length : 1;
  }
}

interface Chunk {
  readonly source: SourceText;
  readonly firstIndex: number;
  readonly listPath: Path;
  readonly indent: number;
}

/** A chunk that does not parse is read entry by entry: the others still count. */
function parsePiece(chunk: Chunk): Piece[] {
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

async function* linesOf(file: InputFile): AsyncGenerator<readonly Piece[], void> {
  let firstIndex = 0;
  for await (const chunk of chunksOf(file.bytes(), { file: file.name, line: 1 })) {
    const first = placeAt(chunk, 0).line;
    const pieces: Piece[] = [];
    for (const [offset, text] of chunk.text.split("\n").entries()) {
      if (text.trim() === "") continue;
      const source = wholeText({ file: file.name, text, line: first + offset });
      pieces.push(parseLine(source, firstIndex));
      firstIndex++;
    }
    yield pieces;
  }
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
