/** Templates: placeholders, escaping for each form, and what is refused. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { compileTemplate, type JsonValue, templateFault } from "../../src/base/template.ts";

const HOSTILE = 'a"b\\c\n{{failures}}&x=1 é';
const VALUES = {
  monitor: HOSTILE,
  failures: 3,
  tried: ["one", "two"],
  labels: { team: "pay", "constructor": "c" },
};
const NAMES = Object.keys(VALUES);

function render(payload: JsonValue, form = false): string {
  return compileTemplate(payload, { form }).render(VALUES);
}

test("a JSON text stays JSON whatever the values hold", () => {
  const text = render(
    '{"m": "<{{monitor}}>", "n": "{{ failures }}", "t": "{{tried}}", "l": "{{labels.team}}{{labels.none}}"}',
  );
  assert.deepEqual(JSON.parse(text), { m: `<${HOSTILE}>`, n: "3", t: "one; two", l: "pay" });
});

test("a tree keeps the types of values that stand alone", () => {
  const tree = {
    m: "{{monitor}}",
    list: ["{{failures}}", "{{tried}}", 1, null, true],
    deep: { l: "{{labels}}", t: "n={{failures}}" },
  };
  assert.deepEqual(JSON.parse(render(tree)), {
    m: HOSTILE,
    list: [3, ["one", "two"], 1, null, true],
    deep: { l: { team: "pay", constructor: "c" }, t: "n=3" },
  });
});

test("a form and a plain text are escaped as what they are", () => {
  assert.equal(new URLSearchParams(render("m={{monitor}}&n={{failures}}", true)).get("m"), HOSTILE);
  assert.equal(render("{{monitor}} {{labels}}"), `${HOSTILE} team=pay, constructor=c`);
  assert.equal(compileTemplate("x", { form: false }).contentType, "text/plain; charset=utf-8");
  assert.equal(compileTemplate("[]", { form: false }).contentType, "application/json");
});

test("a value is never read as a template, and names of the language's own objects read as nothing", () => {
  assert.equal(render("{{monitor}}"), HOSTILE);
  assert.equal(render("[{{labels.toString}}{{failures.constructor}}{{tried.length}}]"), "[]");
});

test("templateFault() names an unknown placeholder and one outside quotes", () => {
  assert.equal(
    templateFault({ a: ["{{monitr}}"] }, NAMES),
    'unknown placeholder "{{monitr}}"; allowed: monitor, failures, tried, labels',
  );
  assert.match(templateFault('{"m": {{monitor}}}', NAMES) ?? "", /must stand inside quotes/);
  assert.equal(templateFault('{"m": "{{monitor}}"}', NAMES), undefined);
  assert.equal(templateFault("{{labels.team}} {{monitor}} {not one} { { }}", NAMES), undefined);
});
