import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalUrl } from "../../src/probes/canonical_url.ts";
import { HTTP } from "../../src/probes/http.ts";

const SEED = 90_210;
const label = fc.constantFrom(
  "a",
  "web",
  "x-1",
  "1",
  "0x1",
  "127",
  "256",
  "01",
  "xn--a",
  "a_b",
  "A",
  "é",
  "",
  "a--b",
  "-a",
  "a-",
  "localhost",
);
const url = fc.oneof(
  fc.record({
    scheme: fc.constantFrom("http://", "https://", "HTTP://", "ftp://", "http:/"),
    host: fc.oneof(
      fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join(".")),
      fc.ipV4(),
      fc.domain(),
    ),
    port: fc.oneof(
      fc.constant(""),
      fc.constantFrom(":80", ":443", ":0", ":080", ":65535", ":65536", ":"),
      fc.nat(70_000).map((port) => `:${port}`),
    ),
    path: fc.array(
      fc.constantFrom(
        "/",
        "a",
        "health",
        ".",
        "..",
        "%2e",
        "?q=1",
        "#f",
        "~",
        "_",
        "0",
        "A.b",
        " ",
        "é",
        "\\",
        "//",
      ),
      { maxLength: 6 },
    ),
  }).map(({ scheme, host, port, path }) => `${scheme}${host}${port}${path.join("")}`),
  fc.webUrl(),
);

test("a URL that is taken as canonical is what the schema makes of it, and changes nothing but the target", () => {
  let taken = 0;
  const shared = JSON.stringify(HTTP.split(HTTP.schema.parse({ url: "http://h/" })).shared);
  fc.assert(
    fc.property(url, (text) => {
      const quick = canonicalUrl(text);
      if (quick === undefined) return;
      taken++;
      const split = HTTP.split(HTTP.schema.parse({ url: text }));
      assert.equal(split.target, quick);
      assert.equal(JSON.stringify(split.shared), shared);
    }),
    { seed: SEED, numRuns: 20_000 },
  );
  assert.ok(taken > 1000, `${taken} of 20000 (seed ${SEED})`);
});

test("the URLs of a usual fleet are taken", () => {
  for (
    const text of [
      "http://127.1.0.3:18080/health/12",
      "https://api-1.eu.example.com/",
      "http://web/a/b.html",
      "http://10.0.0.255/x/",
    ]
  ) {
    assert.equal(canonicalUrl(text), text);
  }
});

test("a percent sign that begins no escape in the user part of a URL stands for itself", () => {
  const { authorization } = HTTP.schema.parse({ url: "http://a%zz:b@h/" }) as { authorization: string };
  assert.equal(authorization, `Basic ${btoa("a%zz:b")}`);
});
