import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { placeAt, wholeText } from "../../src/manifest/source_text.ts";
import { parseYaml, type YamlDocument } from "../../src/manifest/yaml.ts";

function only(text: string): YamlDocument {
  const parsed = parseYaml(text);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const [document] = parsed.documents;
  assert.ok(document);
  return document;
}

/** What stands at the place of a path. */
function at(
  text: string,
  path: readonly (string | number)[],
  what: "key" | "value" = "value",
): string | undefined {
  const offset = only(text).offsetOf(path, what);
  return offset === undefined ? undefined : text.slice(offset, offset + 6);
}

const TEXT = `# head
base: &base {port: 1, "quoted": 'two'}
list:
  - <<: *base
    port: 2222
  - name: |
      three
    nested: [[a, bbbbbb], {c: dddddd}]
  - *base
empty:
`;

test("every value and key has its place: block, flow, quoted, merged, behind an alias, empty", () => {
  assert.equal(at(TEXT, []), "base: ");
  assert.equal(at(TEXT, ["base"], "key"), "base: ");
  assert.equal(at(TEXT, ["base", "quoted"], "key"), '"quote');
  assert.equal(at(TEXT, ["base", "quoted"]), "'two'}");
  assert.equal(at(TEXT, ["list", 0, "port"]), "2222\n ");
  assert.equal(at(TEXT, ["list", 0, "quoted"]), "'two'}");
  assert.equal(at(TEXT, ["list", 1, "nested", 0, 1]), "bbbbbb");
  assert.equal(at(TEXT, ["list", 1, "nested", 1, "c"]), "dddddd");
  assert.equal(at(TEXT, ["list", 2]), "*base\n");
  assert.equal(at(TEXT, ["list", 2, "port"]), '1, "qu');
  assert.equal(at(TEXT, ["empty"]), "empty:");
  assert.equal(at(TEXT, ["list", 3]), undefined);
  assert.equal(at(TEXT, ["base", "none"]), undefined);
});

test("places count lines over LF, CR LF and CR, and columns in characters", () => {
  const source = wholeText({ file: "f", text: "a\r\nb\rc\n💥é d", line: 10 });
  const places = [0, 3, 5, 7, 10, 99].map((offset) => placeAt(source, offset)).map((p) =>
    `${p.line}:${p.column}`
  );
  assert.deepEqual(places, ["10:1", "11:1", "12:1", "13:1", "13:3", "13:5"]);
});

test("JSON text gives what JSON.parse gives, except refused keys and duplicates", () => {
  const unsafe = (text: string) => /"(__proto__|constructor|prototype)"/.test(text);
  // YAML takes no unpaired surrogates and no raw DEL or C1 controls; JSON writers escape neither, so they stay out.
  const raw = (text: string) => /[\u007f-\u009f\ud800-\udfff\ufffe\uffff]/.test(text);
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2, "\t"), (value, space) => {
      const text = JSON.stringify(value, null, space);
      fc.pre(!unsafe(text) && !raw(text) && text.length < 500);
      assert.deepEqual(only(text).value, JSON.parse(text));
    }),
    { numRuns: 500, seed: 11 },
  );
  assert.deepEqual(only('{"a": "\\u00e9\\/\\ud83d\\ude00\\b", "b": 1e3, "c": -0.5}').value, {
    a: "é/😀\b",
    b: 1000,
    c: -0.5,
  });
});

test("values stay plain: no dates, no infinities, no octal surprises, no objects with behaviour", () => {
  const { value } = only("a: 2026-01-31\nb: .inf\nc: .nan\nd: 0o17\ne: yes\nf: ~\ng: 1e999\n1: x\ntrue: y\n");
  assert.deepEqual(value, {
    1: "x",
    a: "2026-01-31",
    b: ".inf",
    c: ".nan",
    d: 15,
    e: "yes",
    f: null,
    g: "1e999",
    true: "y",
  });
  for (const key of ["__proto__", "constructor", "prototype"]) {
    for (
      const text of [`${key}: 1`, `"${key}": 1`, `a: {${key}: {x: 1}}`, `- &x {b: 1}\n- {<<: {${key}: 1}}`]
    ) {
      const parsed = parseYaml(text);
      assert.ok(!parsed.ok, text);
      assert.equal(parsed.message, `the key "${key}" is not allowed`);
    }
  }
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test("no text breaks the parser: it answers with a document or with a message", () => {
  const piece = fc.constantFrom(
    "- ",
    "a",
    ": ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "&x ",
    "*x",
    "|",
    "---",
    "!!",
    "?",
    ",",
    "\t",
    "<<",
    "#",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const parsed = parseYaml(pieces.join(""));
      if (!parsed.ok) assert.ok(parsed.message.length > 0 && parsed.offset >= 0);
      else for (const document of parsed.documents) document.offsetOf([0, "a", 0], "value");
    }),
    { numRuns: 3000, seed: 3 },
  );
});
