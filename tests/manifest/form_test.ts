import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LoadedManifests, loadManifests } from "../../src/manifest/load.ts";
import { FormReader } from "../../src/manifest/form_reader.ts";
import { Buffer } from "node:buffer";
import process from "node:process";
import { manifestFolder } from "./manifest_folder.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";

const SEED = Number(process.env.CPRA_FUZZ_SEED ?? 71_203);
const RUNS = Number(process.env.CPRA_FUZZ_RUNS ?? 60);
const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
const ENV = { KEY: "k-from-env", PORT: "8080", EMPTY: "" };

/** How many entries the fast path took; and the loader without it: everything is parsed. */
async function countingKnown<T>(run: () => Promise<T>): Promise<{ result: T; known: number }> {
  const read = FormReader.prototype.read;
  let known = 0;
  FormReader.prototype.read = function (source, visitor) {
    read.call(this, source, {
      unknown: visitor.unknown,
      known: (form, found, at) => {
        known++;
        visitor.known(form, found, at);
      },
    });
  };
  try {
    return { result: await run(), known };
  } finally {
    FormReader.prototype.read = read;
  }
}

async function withoutForms<T>(run: () => Promise<T>): Promise<T> {
  const read = FormReader.prototype.read;
  FormReader.prototype.read = (source, visitor) => visitor.unknown(source);
  try {
    return await run();
  } finally {
    FormReader.prototype.read = read;
  }
}

/** What must not differ. An entry of nothing but a dash has no place of its own. */
function comparable(loaded: LoadedManifests): unknown {
  const { monitors, problems, errorCount, warningCount, leftOutCount, monitorCount } = loaded;
  const shown = problems
    .map((each) => ({
      ...each,
      ...(each.message.startsWith("found nothing, expected a monitor") ? { line: 0, column: 0 } : {}),
    }))
    .map((each) => JSON.stringify(each)).sort();
  return { monitors, shown, errorCount, warningCount, leftOutCount, monitorCount };
}

async function compare(name: string, text: string, lenient = false): Promise<number> {
  using folder = manifestFolder({ [name]: text });
  const load = () => loadManifests([folder.path], { registries: REGISTRIES, env: ENV, lenient });
  const { result: quick, known } = await countingKnown(load);
  const slow = await withoutForms(load);
  assert.deepEqual(comparable(quick), comparable(slow));
  return known;
}

interface Item {
  readonly kind: number;
  readonly index: number;
  readonly value: string;
}

const HEADS = [
  "monitors:\n",
  "defaults: {pulse_check: {interval: 30s, config: {url: http://d/}}, labels: {from: defaults}}\n" +
  "templates:\n  web: {pulse_check: {type: http, timeout: 2s, config: {headers: {X: '${KEY}'}}}}\nmonitors:\n",
  "groups: {edge: {description: d}}\nmonitors:\n",
];

/** Entries as people and generators write them. */
const YAML_ITEMS: readonly ((item: Item) => string)[] = [
  ({ index, value }) =>
    `  - name: "http-${index}"\n    pulse_check:\n      type: http\n      interval: 30s\n      config:\n` +
    `        method: GET\n        url: http://127.0.0.${index}:8080/health/${value}\n        retries: 1\n` +
    `    codes:\n      red:\n        notify: log\n        config: {file: /l}\n`,
  ({ index, value }) =>
    `  - name: ${value}${index}\n    pulse_check: {type: tcp, interval: 5s, config: {host: h${value}, port: ${
      index * 7000
    }}}\n`,
  ({ index, value }) =>
    `  - name: '${value} ${index}'\n    pulse:\n      type: http\n      interval: 1m\n      http:\n` +
    `        url: https://${value}.example.com/${index}?a=b # note\n        expected_status: 2xx\n` +
    `    intervention:\n      action: docker\n      target: {container: c-${index}}\n` +
    `    labels: {rack: ${value}, n: ${index}, "q": "${value}"}\n    groups: [edge, ${value}]\n`,
  ({ index, value }) =>
    `  # before ${value}\n  -\n    name: t${index}-${value}\n    template: web\n    pulse_check:\n      config:\n        url: http://${value}/\n` +
    `    metadata: {runbook: "${value}", deep: {a: ${value}}}\n\n`,
  ({ index, value }) =>
    `  - pulse_check:\n      type: script\n      interval: 60\n      config:\n        path: /bin/${value}\n        args: ["${value}"]\n` +
    `    name: >-\n      s${index}\n    depends_on: [${value}]\n`,
  ({ index, value }) =>
    `  - {name: "w${index}", template: web, pulse_check: {config: {url: "http://\${EMPTY:-h}/"}}, labels: {a: *a}}\n`
      .replace("*a", value),
  ({ index, value }) =>
    `  - name: m${index}\n    pulse_check:\n      type: tcp\n      interval: 30s\n      timeout: 5s\n      config:\n        host: ${value}\n` +
    `        port: \${PORT}\n    intervention:\n      type: webhook\n      config:\n        url: http://h/repair/${value}\n`,
];

const VALUES = [
  "a",
  "web",
  "true",
  "null",
  "12",
  "0x1F",
  "1.5",
  "a.b",
  "é",
  "💥",
  "a: b",
  "a #b",
  "a'b",
  'a"b',
  "a\\b",
  "$$x",
  "${KEY}",
  "${NO}",
  "",
  " ",
  "~",
  "-",
  "- x",
  "? x",
  "!!str x",
  "&anchor x",
  "a:b",
  "a:",
  "http://h/%2e%2e/x",
  "{}",
  "[]",
  "x".repeat(120),
  "10.0.0.1",
  "1.2.3",
  "no",
  "N",
  "<<",
  "=",
  "a, b",
  "a]b",
  "a}b",
  "@x",
  "`x",
  "%x",
  "|",
  ">",
  "\u00a0x",
  "\u2028",
  "\ufeff",
  "A/B_c~d",
  "x ",
  " x",
  "a - b",
  "1e3",
  "1_0",
];

const item = fc.record({
  kind: fc.nat(YAML_ITEMS.length - 1),
  index: fc.nat(12),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom("a", "web", "b7", "x.y") }, {
    weight: 1,
    arbitrary: fc.constantFrom(...VALUES),
  }, { weight: 1, arbitrary: fc.string({ maxLength: 12 }) }),
});

const PIECES = [
  "\n",
  "\r\n",
  " ",
  "  ",
  "\t",
  "#",
  " #",
  ":",
  ": ",
  "-",
  "- ",
  "\n  - ",
  '"',
  "'",
  "\\",
  "$",
  "${",
  "{",
  "}",
  "[",
  "]",
  ",",
  "&a ",
  "!",
  "|",
  ">",
  "0",
  "9",
  "true",
  "null",
  "é",
  "---\n",
  "\n...\n",
  "\u0000",
  "\u007f",
  "\u0085",
  "~",
  "%",
  "@",
  "<<: ",
  "\n    x: y\n",
  "name: z\n",
];

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(4)),
  insert: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })),
});

function mutate(
  text: string,
  changes: readonly { at: number; remove: number; insert: string }[],
  from: number,
): string {
  let changed = text;
  for (const { at, remove, insert } of changes) {
    const place = from + Math.floor(at * (changed.length - from));
    changed = changed.slice(0, place) + insert + changed.slice(place + remove);
  }
  return Buffer.from(changed).toString("utf8");
}

test("a YAML manifest read by forms gives the monitors and the problems of the parser, whatever it holds", async () => {
  let known = 0;
  const property = fc.asyncProperty(
    fc.constantFrom(...HEADS),
    fc.array(item, { minLength: 4, maxLength: 14 }),
    fc.array(mutation, { maxLength: 4 }),
    fc.constantFrom("\n", "\r\n"),
    fc.boolean(),
    fc.array(fc.nat(YAML_ITEMS.length - 1), { minLength: 1, maxLength: 2 }),
    async (head, items, changes, lineEnd, lenient, kinds) => {
      const body = items.map((each, i) => {
        const make = YAML_ITEMS[kinds[i % kinds.length] as number] as (item: Item) => string;
        return make({ ...each, index: each.index + i });
      }).join("");
      known += await compare(
        "a.yaml",
        mutate(head + body, changes, head.length - 1).replaceAll("\n", lineEnd),
        lenient,
      );
    },
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false });
  assert.ok(known > RUNS / 2, `only ${known} entries of ${RUNS} manifests went by forms (seed ${SEED})`);
});

const jsonItem = ({ kind, index, value }: Item) =>
  JSON.stringify(
    [
      {
        name: `j${index}`,
        pulse_check: { type: "http", interval: "30s", config: { url: `http://h/${value}`, retries: 1 } },
        codes: {},
      },
      {
        name: `${value}${index}`,
        pulse: { type: "tcp", interval: 5, config: { host: value, port: index * 6000 } },
        labels: { a: value, n: index },
      },
      {
        name: `k${index}`,
        pulse: { type: "script", interval: 5, config: { path: `/${value}` } },
        metadata: { a: value },
        groups: [value, "x"],
      },
    ][kind % 3],
  );

test("JSON lines read by forms give the monitors and the problems of the parser, whatever they hold", async () => {
  let known = 0;
  const property = fc.asyncProperty(
    fc.array(item, { minLength: 4, maxLength: 14 }),
    fc.array(mutation, { maxLength: 4 }),
    async (items, changes) => {
      const body = items.map((each, i) => `${jsonItem({ ...each, index: each.index + i })}\n`).join("");
      known += await compare("a.jsonl", mutate(body, changes, 0));
    },
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false });
  assert.ok(known > RUNS / 2, `only ${known} entries of ${RUNS} manifests went by forms (seed ${SEED})`);
});

test("every text in every hole is taken as the parser takes it", async () => {
  for (const head of HEADS) {
    for (const make of YAML_ITEMS) {
      const values = ["a", "b", "c", ...VALUES, "d"];
      const items = values.map((value, index) => make({ kind: 0, index: index + 1, value }));
      await compare("a.yaml", head + items.join(""));
    }
  }
});
