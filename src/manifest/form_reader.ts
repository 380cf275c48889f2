/**
 * Walks a piece of a manifest entry by entry: those of a known form are handed out at once, the others as text, to be
 * parsed, and perhaps learned from. Keeps at most 64 forms, those used last first. Where a piece has nothing in common
 * with any form, its rest is given up as one text, so that it costs no more than without forms.
 */
import { type Form, type Found, newFound } from "./form.ts";
import { learnForm, type LearnOptions } from "./form_learner.ts";
import { type SourceText, wholeText } from "./source_text.ts";

const FORMS_MAX = 64;
/** Entries in a row, in one piece, that match nothing. */
const MISSES_MAX = 24;
/** Learning costs as much as parsing some 60 entries: so many are learned from on credit, then matches must pay for it. */
const CREDIT_MAX = 128;
const CREDIT_PER_MATCH = 1 / 64;

export interface EntryAt {
  /** Of the entry's text in the piece, UTF-16 units; it ends at `found.end`. */
  readonly start: number;
  /** Of its first character, from 1. */
  readonly line: number;
}

export interface EntryVisitor {
  /** Form and found are only good during the call. */
  known(form: Form, found: Found, at: EntryAt): void;
  /** One entry, or several; never none. */
  unknown(text: SourceText): void;
}

export interface PieceShape {
  /** Spaces before the dash of an entry; undefined: JSON lines. */
  readonly indent: number | undefined;
}

export class FormReader {
  readonly #learn: LearnOptions;
  readonly #mark: RegExp | undefined;
  readonly #dash: string;
  readonly #forms: Form[] = [];
  readonly #found = newFound();
  #credit = CREDIT_MAX;

  constructor(shape: PieceShape, learn: Omit<LearnOptions, "listed">) {
    const { indent } = shape;
    this.#learn = { ...learn, listed: indent !== undefined };
    this.#mark = indent === undefined ? undefined : new RegExp(`^ {${indent}}-(?=[ \\t\\r\\n]|$)`, "gm");
    this.#dash = indent === undefined ? "" : `${" ".repeat(indent)}- `;
  }

  /** `source`: as from chunksOf(), with one part.  */
  read(source: SourceText, visitor: EntryVisitor): void {
    const { text, file } = source;
    let line = source.parts[0]?.line ?? 1;
    let misses = 0;
    for (let at = 0; at < text.length;) {
      const form = this.#find(text, at);
      if (form !== undefined) {
        visitor.known(form, this.#found, { start: at, line });
        at = this.#found.end;
        line += form.lineCount;
        misses = 0;
        continue;
      }
      const wholeRest = ++misses > MISSES_MAX || this.#credit < 1;
      const end = wholeRest ? text.length : this.#entryEnd(text, at);
      const entry = text.slice(at, end);
      visitor.unknown(wholeText({ file, text: entry, line }));
      if (!wholeRest) this.#learnFrom(entry);
      at = end;
      for (let newline = entry.indexOf("\n"); newline >= 0; newline = entry.indexOf("\n", newline + 1)) {
        line++;
      }
    }
  }

  #find(text: string, at: number): Form | undefined {
    const forms = this.#forms;
    for (let index = 0; index < forms.length; index++) {
      const form = forms[index] as Form;
      if (!form.match(text, at, this.#found) || !this.#atBoundary(text, this.#found.end)) continue;
      if (index > 2) {
        forms.splice(index, 1);
        forms.unshift(form);
      }
      if (this.#credit < CREDIT_MAX) this.#credit += CREDIT_PER_MATCH;
      return form;
    }
    return undefined;
  }

  #learnFrom(entry: string): void {
    // Without its line's end an entry cannot be told from the beginning of a longer one.
    if (!entry.endsWith("\n") || entry.trim() === "") return;
    this.#credit--;
    const form = learnForm(entry, this.#learn);
    if (form === undefined) return;
    this.#forms.unshift(form);
    if (this.#forms.length > FORMS_MAX) this.#forms.pop();
  }

  #atBoundary(text: string, at: number): boolean {
    if (at === text.length || this.#mark === undefined || text.startsWith(this.#dash, at)) return true;
    this.#mark.lastIndex = at;
    const found = this.#mark.exec(text);
    return found !== null && found.index === at;
  }

  /** Start of the entry after the one that begins at `at`, which takes what stands before its dash with it. */
  #entryEnd(text: string, at: number): number {
    const mark = this.#mark;
    if (mark === undefined) {
      const newline = text.indexOf("\n", at);
      return newline < 0 ? text.length : newline + 1;
    }
    mark.lastIndex = at;
    const own = mark.exec(text);
    if (own === null) return text.length;
    mark.lastIndex = own.index + own[0].length;
    return mark.exec(text)?.index ?? text.length;
  }
}

/** The readers of one file, one per shape of its lists: what was learned in one part serves the next. */
export class FormReaders {
  readonly #learn: Omit<LearnOptions, "listed">;
  readonly #readers = new Map<number, FormReader>();

  constructor(learn: Omit<LearnOptions, "listed">) {
    this.#learn = learn;
  }

  /** `indent`: undefined or below 0 for JSON lines. */
  of(indent = -1): FormReader {
    let reader = this.#readers.get(indent);
    if (reader === undefined) {
      reader = new FormReader({ indent: indent < 0 ? undefined : indent }, this.#learn);
      this.#readers.set(indent, reader);
    }
    return reader;
  }
}
