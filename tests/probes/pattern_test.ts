import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compilePattern } from "../../src/probes/pattern.ts";

function matches(source: string, text: string): boolean {
  const pattern = compilePattern(source);
  if (typeof pattern === "string") throw new Error(`${source}: ${pattern}`);
  return pattern.test(text);
}

test("patterns match as in JavaScript", () => {
  const sources = [
    ...[
      "",
      "a",
      "abc",
      "^a",
      "a$",
      "^$",
      "^abc$",
      ".",
      "a.c",
      "a|b",
      "^(?:a|bc)$",
      "(a|b)*c",
      "a*",
      "a+b",
      "a?b",
      "a{2}",
      "a{2,}",
      "a{1,2}$",
    ],
    ...[
      "[abc]",
      "[^abc]",
      "[a-c]+",
      "[\\d-]+",
      "[]",
      "[^]",
      "[\\]]",
      "\\d+",
      "\\D",
      "\\w+",
      "\\W",
      "\\s",
      "\\S+",
      "\\bab\\b",
      "a\\Bb",
      "(?<name>a)b",
    ],
    ...[
      "\\.",
      "\\x61",
      "\\u0062",
      "\\n",
      "a{,2}",
      "a{x",
      "(|a)b",
      "(a*)*b",
      "(a+)+$",
      "x*?y",
      "é",
      "^(\\d{1,3}\\.){3}\\d{1,3}$",
      "[\\w.]+@[\\w.]+",
    ],
  ];
  const texts = [
    ...[
      "",
      "a",
      "b",
      "ab",
      "abc",
      "aab",
      "abcabc",
      "bc",
      "cab",
      "a\nc",
      "a\rb",
      "a c",
      "a-c",
      "]",
      ".",
      "10.0.0.1",
      "10.0.0",
      "x@y.z",
      "é",
      "xxy",
    ],
    ...["ab ba", "_", "\n", "\u2028", "A", "{", "a{,2}", "a{x", "aaa", "1-2", "\u00a0", "😀", "a😀c"],
  ];
  for (const source of sources) {
    // The u flag makes a character a code point there too; where it forbids the source, plain is the reference.
    const reference = makeReference(source);
    for (const text of texts) {
      assert.equal(matches(source, text), reference.test(text), `${source} on ${JSON.stringify(text)}`);
    }
  }
});

function makeReference(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch {
    return new RegExp(source);
  }
}

test("flags at the beginning: i, m and s", () => {
  assert.ok(matches("(?i)Status: OK", "status: ok"));
  assert.ok(matches("(?i)[a-z]+É", "ABé"));
  assert.ok(matches("(?m)^b$", "a\nb\nc") && !matches("^b$", "a\nb\nc"));
  assert.ok(matches("(?s)a.b", "a\nb") && !matches("a.b", "a\nb"));
  assert.ok(matches("(?ims)^A.b$", "x\na\nB\ny"));
});

test("random patterns agree with JavaScript on random texts", () => {
  const atom = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\b", "^", "$", "\\w");
  const tree = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie("node"), tie("node")).map(([left, right]) => left + right),
      fc.tuple(tie("node"), tie("node")).map(([left, right]) => `(?:${left}|${right})`),
      fc.tuple(tie("node"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?")).map((
        [part, count],
      ) => `(${part})${count}`),
    ),
  })).node;
  const text = fc.array(fc.constantFrom("a", "b", "c", "1", " ", "\n"), { maxLength: 9 }).map((parts) =>
    parts.join("")
  );
  fc.assert(
    fc.property(tree, text, (source, value) => {
      assert.equal(
        matches(source, value),
        new RegExp(source).test(value),
        `${source} on ${JSON.stringify(value)}`,
      );
    }),
    { numRuns: 5000 },
  );
});

test("what cannot be matched in linear time, or is no pattern, is refused in words", () => {
  const cases: readonly [source: string, message: RegExp][] = [
    ["(a)\\1", /backreferences/],
    ["\\k<a>", /backreferences/],
    ["(?=a)", /no lookaround/],
    ["(?<!a)b", /no lookaround/],
    ["a(?i)b", /flags only at the beginning/],
    ["(", /missing "\)"/],
    [")", /unmatched "\)"/],
    ["[a", /ends too early/],
    ["*a", /nothing to repeat/],
    ["a**", /two quantifiers/],
    ["^*", /nothing to repeat/],
    ["a{3,2}", /counts down/],
    ["[z-a]", /out of order/],
    ["\\q", /unknown escape/],
    ["\\x1", /hexadecimal/],
    ["a\\", /ends too early/],
    ["a{1000}", /too large/],
    ["((a{20}){20}){20}", /too large/],
    ["((((){9999}){9999}){9999}){9999}a{999}", /too large/],
    ["(".repeat(100) + ")".repeat(100), /nested deeper/],
  ];
  for (const [source, message] of cases) {
    assert.match(String(compilePattern(source)), message, source.slice(0, 60));
  }
});

test("patterns that stop a backtracking engine take linear time on 64 KiB", () => {
  const texts = ["a".repeat(65_536), "a ".repeat(32_768), "ab".repeat(32_768)];
  for (
    const source of [
      "(a+)+$b",
      "(a|aa)*c",
      "(\\w+\\s?)+:",
      "a*a*a*a*a*c",
      ".*.*.*=.*",
      "([a-z]{1,5}){1,8}X",
    ]
  ) {
    for (const text of texts) {
      const startedMs = performance.now();
      assert.equal(matches(source, text), false);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 3000, `${source}: ${tookMs} ms`);
    }
  }
});
