import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { splitCommand } from "../../src/base/command_words.ts";

test("words are cut and unquoted", () => {
  const cases: readonly [line: string, words: readonly string[]][] = [
    ["", []],
    ["  a  b\tc\n", ["a", "b", "c"]],
    [`a 'b c' "d e" f\\ g`, ["a", "b c", "d e", "f g"]],
    [`'' ""`, ["", ""]],
    [`--x="a b"'c'd`, ["--x=a bcd"]],
    [`"a\\"b\\\\c\\$d\\e"`, ['a"b\\c$d\\e']],
    [`'$HOME' "| & ;"`, ["$HOME", "| & ;"]],
    ["50$ a=b *.txt", ["50$", "a=b", "*.txt"]],
  ];
  for (const [line, words] of cases) assert.deepEqual(splitCommand(line), words, line);
});

test("what asks for a shell, and quotes that stay open, are refused", () => {
  for (const line of ["a | b", "a;b", "a && b", "a > f", "a < f", "a `b`", "a $(b)", "a $HOME", "a ${B}"]) {
    assert.match(String(splitCommand(line)), /needs a shell/, line);
  }
  for (const line of ["a 'b", 'a "b', "a \\"]) assert.equal(typeof splitCommand(line), "string", line);
});

test("words are those a real shell makes", () => {
  const piece = fc.constantFrom("a", "b", " ", "  ", "'", '"', "\\", "é", "=", "-", "\t");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")), (line) => {
      const words = splitCommand(line);
      if (typeof words === "string") return;
      const output = execFileSync("/bin/sh", ["-c", `set -- ${line}\nfor w do printf '%s\\n' "[$w]"; done`], {
        encoding: "utf8",
      });
      assert.equal(output, words.map((word) => `[${word}]\n`).join(""));
    }),
    { numRuns: 150 },
  );
});
