import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAccess, refuseListen } from "../../src/server/access.ts";
import { formatListenAddress, isLoopback, parseListenAddress } from "../../src/server/listen_address.ts";
import { redactHook, redactTarget } from "../../src/base/redact.ts";

const OUTSIDE = { hostname: "0.0.0.0", port: 80 };

test("addresses are read as users write them", () => {
  const cases = [
    ["localhost:6060", "localhost", 6060],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["[::1]:8080", "::1", 8080],
    [":6060", "0.0.0.0", 6060],
    [" host-1.example:65535 ", "host-1.example", 65535],
  ] as const;
  for (const [text, hostname, port] of cases) assert.deepEqual(parseListenAddress(text), { hostname, port });
  for (
    const text of [
      "",
      "localhost",
      "6060",
      "a:65536",
      "::1:80",
      "a:b",
      "a:1:2",
      "http://a:1",
      "a b:1",
      "[::1]",
    ]
  ) {
    assert.equal(parseListenAddress(text), undefined, text);
  }
  assert.equal(formatListenAddress({ hostname: "::1", port: 8080 }), "[::1]:8080");
});

test("loopback is what only this machine can reach", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1"]) {
    assert.ok(isLoopback(host), host);
  }
  for (
    const host of ["0.0.0.0", "::", "", "10.0.0.1", "localhost.example", "127.0.0.1.example", "1270.0.0.1"]
  ) {
    assert.ok(!isLoopback(host), host);
  }
});

test("an address that others can reach needs a token", () => {
  assert.match(refuseListen(OUTSIDE, undefined) ?? "", /^Cannot listen on 0\.0\.0\.0:80: .* no token is set/);
  assert.match(refuseListen(OUTSIDE, "") ?? "", /no token is set/);
  assert.equal(refuseListen(OUTSIDE, "token"), undefined);
  assert.equal(refuseListen({ hostname: "127.0.0.1", port: 80 }, undefined), undefined);
});

test("only the whole token opens", () => {
  const ask = (authorization: string | undefined, token: string | undefined = "the-token") =>
    checkAccess({ address: OUTSIDE, token, authorization, host: "any.example" }).allowed;
  assert.ok(ask("Bearer the-token"));
  assert.ok(ask("bearer  the-token"));
  for (
    const wrong of [
      undefined,
      "",
      "the-token",
      "Basic the-token",
      "Bearer",
      "Bearer the-toke",
      "Bearer the-token2",
    ]
  ) {
    assert.ok(!ask(wrong), String(wrong));
  }
  assert.ok(!ask("Bearer undefined", undefined));
});

test("targets are shown without user, password and the values of the query", () => {
  const cases = [
    ["http://u:p4ss@h.example:8080/a/b?token=s3cret&x=1#f", "http://h.example:8080/a/b?token=…&x=…"],
    ["https://h.example/", "https://h.example/"],
    ["db.example:5432", "db.example:5432"],
    ['["/bin/check","-x"]', "/bin/check -x"],
    ["http://", "http://"],
    ["http://u:p@s3cret@h.example/größe?s3cret", "http://h.example/größe?…"],
    ["HTTPS://h.example?a=1=2", "HTTPS://h.example?a=…"],
  ] as const;
  for (const [target, shown] of cases) assert.equal(redactTarget(target), shown);
  assert.equal(redactHook("https://hooks.example.com/services/T0/B0/secret"), "https://hooks.example.com");
  assert.equal(redactHook("https://u:s3cret@hooks.example.com?t=s3cret"), "https://hooks.example.com");
  assert.equal(redactHook("web-container"), "web-container");
});
