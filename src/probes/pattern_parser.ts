/**
 * Regular expressions that match in linear time, the syntax: what RE2 and JavaScript have in common, read into a program
 * for probes/pattern.ts. Refused, since no linear match is known for them: backreferences and lookaround.
 * Accepted: literals, `.`, classes, `\d \w \s` and their opposites, `^ $ \b \B`, groups, `|`, `* + ? {n,m}` (lazy forms mean the
 * same here), and `(?ims)` at the very beginning. Meaning as in JavaScript without the `u` flag, except that a character is
 * a code point.
 */

export type Instruction =
  | { readonly op: "set"; readonly set: CharacterSet }
  /** Both are tried; there is no order, since only whether it matches is asked. */
  | { readonly op: "split"; readonly first: number; readonly second: number }
  | { readonly op: "jump"; readonly to: number }
  | { readonly op: "assert"; readonly what: Assertion }
  | { readonly op: "match" };

export type Assertion = "text_start" | "text_end" | "line_start" | "line_end" | "boundary" | "no_boundary";

/** Inclusive ranges of code points. */
export interface CharacterSet {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly negated: boolean;
  readonly ignoreCase: boolean;
}

/** Bounds a match: 65,536 characters × 256 instructions is some 100 ms at the very worst. */
export const INSTRUCTIONS_MAX = 256;
const DEPTH_MAX = 50;

/** The program, or what is wrong with the text, for people. */
export function parsePattern(text: string): readonly Instruction[] | string {
  try {
    const parser = new Parser(text);
    const tree = parser.parse();
    const program: Instruction[] = [];
    emit(tree, program);
    program.push({ op: "match" });
    return program;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

class PatternError extends Error {}

type Tree =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "concat" | "either"; readonly parts: readonly Tree[] }
  | { readonly kind: "repeat"; readonly part: Tree; readonly least: number; readonly most: number };

type Ranges = (readonly [number, number])[];

const DIGIT: Ranges = [[48, 57]];
const WORD: Ranges = [[48, 57], [65, 90], [95, 95], [97, 122]];
/** ECMA-262 WhiteSpace and LineTerminator. */
const SPACE: Ranges = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: Ranges = [[10, 10], [13, 13], [0x2028, 0x2029]];
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, "0": 0 };

/** Recursive descent over the code points of the text; a class for its place in it. */
class Parser {
  readonly #symbols: readonly string[];
  #at = 0;
  #depth = 0;
  #ignoreCase = false;
  #multiline = false;
  #dotAll = false;

  constructor(text: string) {
    this.#symbols = [...text];
  }

  parse(): Tree {
    this.#flags();
    const tree = this.#either();
    if (this.#at < this.#symbols.length) throw new PatternError(`unmatched ")" at character ${this.#at + 1}`);
    return tree;
  }

  #flags(): void {
    const match = /^\(\?([ims]+)\)/.exec(this.#symbols.slice(0, 8).join(""));
    if (match === null) return;
    const flags = match[1] as string;
    this.#ignoreCase = flags.includes("i");
    this.#multiline = flags.includes("m");
    this.#dotAll = flags.includes("s");
    this.#at = match[0].length;
  }

  #either(): Tree {
    if (++this.#depth > DEPTH_MAX) throw new PatternError(`groups nested deeper than ${DEPTH_MAX}`);
    const parts = [this.#concat()];
    while (this.#takeIf("|")) parts.push(this.#concat());
    this.#depth--;
    return parts.length === 1 ? parts[0] as Tree : { kind: "either", parts };
  }

  #concat(): Tree {
    const parts: Tree[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) {
      parts.push(this.#repeated());
    }
    return parts.length === 0 ? { kind: "empty" } : { kind: "concat", parts };
  }

  #repeated(): Tree {
    const from = this.#at;
    let part = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return part;
    if (part.kind === "assert") throw new PatternError(`nothing to repeat at character ${from + 1}`);
    this.#takeIf("?");
    const [least, most] = bounds;
    if (most < least) throw new PatternError(`{${least},${most}} counts down`);
    part = { kind: "repeat", part, least, most };
    if (this.#quantifier() !== undefined) {
      throw new PatternError(`two quantifiers in a row at character ${this.#at}`);
    }
    return part;
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#takeIf("*")) return [0, Infinity];
    if (this.#takeIf("+")) return [1, Infinity];
    if (this.#takeIf("?")) return [0, 1];
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#symbols.slice(this.#at, this.#at + 12).join(""));
    if (counted === null) return undefined;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    if (counted[2] === undefined) return [least, least];
    return [least, counted[3] === "" ? Infinity : Number(counted[3])];
  }

  #atom(): Tree {
    const symbol = this.#take();
    switch (symbol) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "set", set: this.#class() };
      case ".":
        return this.#set(this.#dotAll ? [] : LINE_ENDS, true);
      case "^":
        return { kind: "assert", what: this.#multiline ? "line_start" : "text_start" };
      case "$":
        return { kind: "assert", what: this.#multiline ? "line_end" : "text_end" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new PatternError(`nothing to repeat at character ${this.#at}`);
      default:
        return this.#set([[codePoint(symbol), codePoint(symbol)]], false);
    }
  }

  #group(): Tree {
    if (this.#takeIf("?")) {
      const opening = /^(:|<[A-Za-z_]\w*>)/.exec(this.#symbols.slice(this.#at, this.#at + 64).join(""));
      if (opening === null) {
        throw new PatternError(
          `"(?" at character ${
            this.#at - 1
          } is not supported: no lookaround, and flags only at the beginning`,
        );
      }
      this.#at += opening[0].length;
    }
    const tree = this.#either();
    if (!this.#takeIf(")")) throw new PatternError('missing ")"');
    return tree;
  }

  #escape(): Tree {
    const symbol = this.#take();
    if (symbol === "b") return { kind: "assert", what: "boundary" };
    if (symbol === "B") return { kind: "assert", what: "no_boundary" };
    if (/^[1-9k]$/.test(symbol)) throw new PatternError(`"\\${symbol}": backreferences are not supported`);
    const family = familyOf(symbol);
    if (family !== undefined) return this.#set(family.ranges, family.negated);
    const code = this.#escapedCode(symbol);
    return this.#set([[code, code]], false);
  }

  #escapedCode(symbol: string): number {
    const control = CONTROL_ESCAPES[symbol];
    if (control !== undefined) return control;
    const digits = symbol === "x" ? 2 : symbol === "u" ? 4 : 0;
    if (digits > 0) {
      const hex = this.#symbols.slice(this.#at, this.#at + digits).join("");
      if (hex.length !== digits || !/^[0-9A-Fa-f]+$/.test(hex)) {
        throw new PatternError(`"\\${symbol}" needs ${digits} hexadecimal digits`);
      }
      this.#at += digits;
      return parseInt(hex, 16);
    }
    if (/^[0-9A-Za-z]$/.test(symbol)) throw new PatternError(`unknown escape "\\${symbol}"`);
    return codePoint(symbol);
  }

  #class(): CharacterSet {
    const negated = this.#takeIf("^");
    const ranges: Ranges = [];
    while (!this.#takeIf("]")) {
      const from = this.#classItem(ranges);
      if (this.#peek() !== "-" || this.#symbols[this.#at + 1] === "]") {
        if (from !== undefined) ranges.push([from, from]);
        continue;
      }
      this.#take();
      const to = this.#classItem(ranges);
      if (from === undefined || to === undefined || to < from) {
        throw new PatternError("a range in [] is out of order");
      }
      ranges.push([from, to]);
    }
    return { ranges, negated, ignoreCase: this.#ignoreCase };
  }

  /** One character of a class, or undefined when it was a family such as \d, whose ranges it adds. */
  #classItem(ranges: Ranges): number | undefined {
    const symbol = this.#take();
    if (symbol !== "\\") return codePoint(symbol);
    const escaped = this.#take();
    if (escaped === "b") return 8;
    if (escaped === "-") return 45;
    const family = familyOf(escaped);
    if (family === undefined) return this.#escapedCode(escaped);
    ranges.push(...(family.negated ? complement(family.ranges) : family.ranges));
    return undefined;
  }

  #set(ranges: Ranges, negated: boolean): Tree {
    return { kind: "set", set: { ranges, negated, ignoreCase: this.#ignoreCase } };
  }

  #peek(): string | undefined {
    return this.#symbols[this.#at];
  }

  #take(): string {
    const symbol = this.#symbols[this.#at];
    if (symbol === undefined) throw new PatternError("the pattern ends too early");
    this.#at++;
    return symbol;
  }

  #takeIf(symbol: string): boolean {
    if (this.#symbols[this.#at] !== symbol) return false;
    this.#at++;
    return true;
  }
}

function codePoint(symbol: string): number {
  return symbol.codePointAt(0) as number;
}

function familyOf(symbol: string): { ranges: Ranges; negated: boolean } | undefined {
  const ranges = { d: DIGIT, w: WORD, s: SPACE }[symbol.toLowerCase()];
  return ranges === undefined ? undefined : { ranges, negated: symbol !== symbol.toLowerCase() };
}

function complement(ranges: Ranges): Ranges {
  const outside: Ranges = [];
  let next = 0;
  for (const [from, to] of ranges) {
    if (from > next) outside.push([next, from - 1]);
    next = to + 1;
  }
  outside.push([next, 0x10ffff]);
  return outside;
}

/** Thompson's construction (K. Thompson, "Regular Expression Search Algorithm", CACM 11:6, 1968). */
function emit(tree: Tree, program: Instruction[]): void {
  if (program.length > INSTRUCTIONS_MAX) {
    throw new PatternError(
      `too large: more than ${INSTRUCTIONS_MAX} steps once counted repetitions are written out`,
    );
  }
  switch (tree.kind) {
    case "empty":
      return;
    case "set":
      program.push({ op: "set", set: tree.set });
      return;
    case "assert":
      program.push({ op: "assert", what: tree.what });
      return;
    case "concat":
      for (const part of tree.parts) emit(part, program);
      return;
    case "either":
      return emitEither(tree.parts, program);
    case "repeat":
      return emitRepeat(tree.part, tree, program);
  }
}

function emitEither(parts: readonly Tree[], program: Instruction[]): void {
  const ends: number[] = [];
  parts.forEach((part, index) => {
    if (index === parts.length - 1) return emit(part, program);
    const split = program.push({ op: "match" }) - 1;
    emit(part, program);
    ends.push(program.push({ op: "match" }) - 1);
    program[split] = { op: "split", first: split + 1, second: program.length };
  });
  for (const end of ends) program[end] = { op: "jump", to: program.length };
}

function emitRepeat(part: Tree, bounds: { least: number; most: number }, program: Instruction[]): void {
  for (let i = 0; i < bounds.least; i++) {
    const before = program.length;
    emit(part, program);
    // Nothing repeated is nothing: nested counts of an empty group would otherwise take for ever.
    if (program.length === before) return;
  }
  if (bounds.most === Infinity) {
    const split = program.push({ op: "match" }) - 1;
    emit(part, program);
    program.push({ op: "jump", to: split });
    program[split] = { op: "split", first: split + 1, second: program.length };
    return;
  }
  const splits: number[] = [];
  for (let i = bounds.least; i < bounds.most; i++) {
    splits.push(program.push({ op: "match" }) - 1);
    emit(part, program);
  }
  for (const split of splits) program[split] = { op: "split", first: split + 1, second: program.length };
}
