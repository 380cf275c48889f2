/**
 * Whether a text matches a regular expression, in time linear in the text: a body written by a stranger must not be able
 * to stop the thread that checks a thousand other targets, as a backtracking engine lets it.
 * All states are followed at once (Pike's simulation; R. Cox, "Regular Expression Matching: the Virtual Machine Approach").
 * About 30 ns per character for everyday patterns. Matching only: no captures.
 */
import { type Assertion, type CharacterSet, type Instruction, parsePattern } from "./pattern_parser.ts";

export interface Pattern {
  /** True when it matches anywhere in the text. */
  test(text: string): boolean;
}

/** The pattern, or what is wrong with it, for people. */
export function compilePattern(source: string): Pattern | string {
  const program = parsePattern(source);
  if (typeof program === "string") return program;
  const matchers = program.map((instruction) =>
    instruction.op === "set" ? matcherOf(instruction.set) : undefined
  );
  return { test: (text) => new Run(program, matchers, text).matches() };
}

type Matcher = (code: number) => boolean;

/** One match: the states alive at a place in the text. */
class Run {
  readonly #program: readonly Instruction[];
  readonly #matchers: readonly (Matcher | undefined)[];
  readonly #text: string;
  /** Steps waiting for a character; `#mark[state] === #round` says that a state is already in. */
  #alive: number[] = [];
  #next: number[] = [];
  readonly #mark: Int32Array;
  readonly #stack: number[] = [];
  #round = 0;

  constructor(program: readonly Instruction[], matchers: readonly (Matcher | undefined)[], text: string) {
    this.#program = program;
    this.#matchers = matchers;
    this.#text = text;
    this.#mark = new Int32Array(program.length);
  }

  matches(): boolean {
    const text = this.#text;
    this.#round = 1;
    let at = 0;
    while (true) {
      // A match may begin at every place.
      if (this.#follow(0, at, this.#alive)) return true;
      if (at >= text.length) return false;
      const code = text.codePointAt(at) as number;
      const after = at + (code > 0xffff ? 2 : 1);
      this.#round++;
      this.#next.length = 0;
      for (const state of this.#alive) {
        const matcher = this.#matchers[state] as Matcher;
        if (matcher(code) && this.#follow(state + 1, after, this.#next)) return true;
      }
      const emptied = this.#alive;
      this.#alive = this.#next;
      this.#next = emptied;
      at = after;
    }
  }

  /** Adds the states reached from `state` without a character; true when one of them is the match. */
  #follow(state: number, at: number, into: number[]): boolean {
    this.#stack.push(state);
    for (let top = this.#stack.pop(); top !== undefined; top = this.#stack.pop()) {
      if (this.#mark[top] === this.#round) continue;
      this.#mark[top] = this.#round;
      const instruction = this.#program[top] as Instruction;
      switch (instruction.op) {
        case "match":
          return true;
        case "set":
          into.push(top);
          break;
        case "jump":
          this.#stack.push(instruction.to);
          break;
        case "split":
          this.#stack.push(instruction.second, instruction.first);
          break;
        case "assert":
          if (holds(instruction.what, this.#text, at)) this.#stack.push(top + 1);
      }
    }
    return false;
  }
}

function holds(what: Assertion, text: string, at: number): boolean {
  switch (what) {
    case "text_start":
      return at === 0;
    case "text_end":
      return at === text.length;
    case "line_start":
      return at === 0 || isLineEnd(text.charCodeAt(at - 1));
    case "line_end":
      return at === text.length || isLineEnd(text.charCodeAt(at));
    case "boundary":
      return isWord(text, at - 1) !== isWord(text, at);
    case "no_boundary":
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isLineEnd(code: number): boolean {
  return code === 10 || code === 13 || code === 0x2028 || code === 0x2029;
}

function isWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 ||
    (code >= 97 && code <= 122);
}

/** ASCII by table, the rest by the ranges. */
function matcherOf(set: CharacterSet): Matcher {
  const slow = (code: number) => inRanges(set, code) !== set.negated;
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => slow(code) ? 1 : 0);
  return (code) => code < 128 ? ascii[code] === 1 : slow(code);
}

function inRanges({ ranges, ignoreCase }: CharacterSet, code: number): boolean {
  if (within(ranges, code)) return true;
  if (!ignoreCase) return false;
  const character = String.fromCodePoint(code);
  return [character.toLowerCase(), character.toUpperCase()].some((other) => {
    return other.length <= 2 && [...other].length === 1 && within(ranges, other.codePointAt(0) as number);
  });
}

function within(ranges: CharacterSet["ranges"], code: number): boolean {
  return ranges.some(([from, to]) => code >= from && code <= to);
}
