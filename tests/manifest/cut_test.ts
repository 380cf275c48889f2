import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { dump } from "js-yaml";
import { chunksOf, splitEntries } from "../../src/manifest/chunks.ts";
import { planCuts } from "../../src/manifest/cut_plan.ts";
import { placeAt, wholeText } from "../../src/manifest/source_text.ts";
import { parseYaml } from "../../src/manifest/yaml.ts";

const SEED = 20_261;

/** A file's bytes in blocks, as a disk would give them. */
async function* blocks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

interface Entry {
  readonly value: unknown;
  /** line:column of the entry and of each of its keys and values, two levels down. */
  readonly places: readonly string[];
}

function entriesOf(text: string, line: number, listPath: readonly string[]): Entry[] | undefined {
  const source = wholeText({ file: "f", text, line });
  const parsed = parseYaml(text);
  if (!parsed.ok) return undefined;
  return parsed.documents.flatMap((document) => {
    const isList = Array.isArray(document.value);
    const path = isList ? [] : listPath;
    const list = isList
      ? document.value
      : (document.value as Record<string, unknown> | null)?.[listPath[0] ?? ""];
    return (Array.isArray(list) ? list : []).map((value: unknown, index) => {
      const paths = [
        [],
        ...keysOf(value).flatMap((key) => [[key], ...keysOf((value as never)[key]).map((k) => [key, k])]),
      ];
      const places = paths.flatMap((below) =>
        (["key", "value"] as const).map((what) => {
          const offset = document.offsetOf([...path, index, ...below], what);
          if (offset === undefined) return "none";
          const place = placeAt(source, offset);
          return `${place.line}:${place.column}`;
        })
      );
      return { value, places };
    });
  });
}

function keysOf(value: unknown): (string | number)[] {
  if (Array.isArray(value)) return value.map((_, index) => index);
  return value !== null && typeof value === "object" ? Object.keys(value) : [];
}

async function cutEntries(
  text: string,
  blockBytes: number,
  chunkBytes: number,
): Promise<Entry[] | "uncut" | undefined> {
  const bytes = Buffer.from(text);
  const plan = await planCuts(blocks(bytes, blockBytes));
  if (!plan.cuttable || plan.mayHaveAliases) return "uncut";
  assert.equal(plan.bytes, bytes.length);
  const entries: Entry[] = [];
  for (const range of plan.items) {
    const part = blocks(bytes.subarray(range.start, range.end), blockBytes);
    for await (
      const chunk of chunksOf(part, { file: "f", line: range.line, indent: range.indent, chunkBytes })
    ) {
      const found = entriesOf(chunk.text, placeAt(chunk, 0).line, []);
      if (found === undefined) return undefined;
      entries.push(...found);
      const split = splitEntries(chunk, range.indent).flatMap((entry) =>
        entriesOf(entry.text, placeAt(entry, 0).line, []) ?? [{ value: "unparsed", places: [] }]
      );
      assert.deepEqual(split, found, "entry by entry gives the same as the chunk");
    }
  }
  return entries;
}

const NASTY_PIECES = [
  "- ",
  "  - ",
  "\n",
  "a",
  "# c",
  ": ",
  '"',
  "'",
  "|",
  ">",
  "{",
  "}",
  "---",
  "\n  - x",
  "\n- y",
  " ",
  "é",
  "💥",
  "...",
];
const nasty = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.array(fc.constantFrom(...NASTY_PIECES), { maxLength: 14 }).map((pieces) => pieces.join("")),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    nasty,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie("value"), { maxKeys: 3 }),
  ),
}));
const entry = fc.record({ name: nasty, config: anyValue });
const styles = fc.constantFrom(
  (value: unknown) => dump(value, { noRefs: true }),
  (value: unknown) => dump(value, { noRefs: true, seqNoIndent: true }),
  (value: unknown) => dump(value, { noRefs: true, indent: 7 }),
  (value: unknown) => dump(value, { noRefs: true, flowLevel: 3 }),
  (value: unknown) => dump(value, { noRefs: true, lineWidth: 20, forceQuotes: true, quoteStyle: "double" }),
  (value: unknown) => dump(value, { noRefs: true, seqInlineFirst: false }),
);
const roots = fc.constantFrom(
  (list: unknown) => list,
  (list: unknown) => ({ monitors: list }),
  (list: unknown) => ({ defaults: { a: "- x\n- y" }, monitors: list, groups: ["- z"] }),
);

test("a file cut in pieces gives the values and the places of the whole, whatever its entries hold", async () => {
  let cut = 0;
  const property = fc.asyncProperty(
    fc.array(entry, { minLength: 1, maxLength: 10 }),
    styles,
    roots,
    fc.integer({ min: 16, max: 400 }),
    fc.integer({ min: 16, max: 400 }),
    async (list, style, root, blockBytes, chunkBytes) => {
      const text = Buffer.from(style(root(list))).toString("utf8");
      const whole = entriesOf(text, 1, ["monitors"]);
      fc.pre(whole !== undefined);
      const pieces = await cutEntries(text, blockBytes, chunkBytes);
      if (pieces === "uncut") return;
      cut++;
      assert.deepEqual(pieces, whole);
    },
  );
  await fc.assert(property, { numRuns: 600, seed: SEED });
  assert.ok(cut > 300, `only ${cut} of 600 files were cut (seed ${SEED})`);
});

const BY_HAND: Readonly<Record<string, string>> = {
  "comments and empty lines anywhere":
    "# head\n\nmonitors: # here\n\n# before\n  # inner\n  - a: 1\n\n# at the margin\n    b: 2\n  - c: 3\n#end\n",
  "a list at the margin, then another key":
    "monitors:\n- a: 1\n  b: |\n   - x\n  c:\n  - d\n- e: 2\nsettings:\n  x: 1\n",
  "Windows lines": "monitors:\r\n  - a: 1\r\n    b: 2\r\n  - c: 3\r\nsettings: {}\r\n",
  "dashes alone on their lines": "monitors:\n  -\n    a: 1\n  -\n    b: 2\n",
  "several documents":
    "monitors:\n  - a: 1\n---\n- b: 2\n- c: 3\n...\n---\n# nothing\n---\nmonitors:\n- d: 4\n",
  "block text with dashes and markers":
    "- a: |2\n    --- x\n    - y\n- b: >-\n    folded\n\n    - z\n- c: 1\n",
  "quoted text over lines": "- a: \"one\n\n    - two\"\n- b: 'three\n    - four'\n- c: [x,\n    -1]\n",
  "no newline at the end": "monitors:\n  - a: 1\n  - b: 2",
  "null lists": "monitors:\ndefaults: {}\n---\nmonitors: # none\n",
  "quoted keys": "\"monitors\":\n  - a: 1\n'groups': {}\n",
};

for (const [name, text] of Object.entries(BY_HAND)) {
  test(`cut as whole: ${name}`, async () => {
    const whole = entriesOf(text, 1, ["monitors"]);
    assert.ok(whole !== undefined && (whole.length > 0 || name === "null lists"), "the whole parses");
    for (const size of [16, 17, 23, 64, 1000]) {
      const pieces = await cutEntries(text, size, size);
      assert.notEqual(pieces, "uncut");
      assert.deepEqual(pieces, whole, `blocks of ${size} bytes`);
    }
  });
}

const UNCUT: Readonly<Record<string, string>> = {
  "a root in flow style": '{"monitors": [{"a": 1}]}\n',
  "a list in flow style": "monitors: [{a: 1}]\n",
  "an anchor on the list": "monitors: &all\n  - a: 1\n",
  "a tag on the list": "monitors: !!seq\n  - a: 1\n",
  "a directive": "%YAML 1.2\n---\nmonitors:\n  - a: 1\n",
  "a value beside the document marker": "--- {monitors: []}\n",
  "lone carriage returns": "monitors:\n  - a: 1\r  - b: 2\n",
  "an alias": "x: &a 1\nmonitors:\n  - a: *a\n",
  "an alias in flow style": "x: &a 1\nmonitors:\n  - {a: [*a]}\n",
  "an indented root": " monitors:\n   - a: 1\n",
};

for (const [name, text] of Object.entries(UNCUT)) {
  test(`not cut: ${name}`, async () => {
    assert.equal(await cutEntries(text, 64, 64), "uncut");
  });
}
