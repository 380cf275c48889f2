import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMatcher, silences } from "../../src/model/silence.ts";

const WEB = { monitor: "web-1", groups: ["eu", "web"], labels: { team: "db", tier: "a=b" } };
const holds = (...texts: string[]) => silences(texts.flatMap((text) => parseMatcher(text) ?? []), WEB);

test("labels, groups and names are matched, with stars; all matchers have to hold", () => {
  for (
    const match of [
      "team=db",
      "team=d*",
      "team=*b",
      "team=*",
      "group=eu",
      "monitor=web-*",
      "monitor=*-*",
      "tier=a=b",
    ]
  ) {
    assert.ok(holds(match), match);
  }
  for (
    const match of [
      "team=d",
      "team=dbs",
      "group=us",
      "monitor=web",
      "monitor=*2",
      "none=*",
      "team=db*b",
      "monitor=web-1*1",
    ]
  ) {
    assert.ok(!holds(match), match);
  }
  assert.ok(holds("team=db", "group=web"));
  assert.ok(!holds("team=db", "group=us"));
});

test("what is no matcher is told", () => {
  for (const text of ["", "team", "=db", "team=", "a b=c"]) assert.equal(parseMatcher(text), undefined, text);
  assert.equal(silences([{ key: "toString", value: "*" }], WEB), false);
});
