/** The names thread itself with a real server, and connect() of another thread that uses its table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { HTTP } from "../../src/probes/http.ts";
import { type NamesLink, type NamesWorker, startNames } from "../../src/names/link.ts";
import { useNames } from "../../src/net/names.ts";
import { TCP } from "../../src/probes/tcp.ts";
import { eventually, serveRaw } from "../net/sockets.ts";
import { check, verdict } from "../probes/check.ts";
import { type Dnsmasq, dnsmasqMissing, startDnsmasq } from "../support/dnsmasq.ts";

const skip = dnsmasqMissing() ?? false;

function startThread(dns: Dnsmasq, missingAfterMs = 60_000): NamesLink {
  const make = () =>
    new Worker(new URL("../../workers/names.ts", import.meta.url), {
      type: "module",
    }) as unknown as NamesWorker;
  const servers = [{ address: "127.0.0.1", port: dns.port }];
  const link = startNames(make, {
    settings: { prefer: "ipv4", missingAfterMs, servers },
    log: SILENT_LOGGER,
  });
  useNames(link.handle);
  return link;
}

test(
  "checks by name use the table: one question for all, further addresses when one refuses, families as told",
  { skip },
  async () => {
    await using server = await serveRaw((socket) => socket.end("HTTP/1.1 204 No Content\r\n\r\n"));
    await using dns = await startDnsmasq([
      "host-record=web.test,127.0.0.1,::1,300",
      // Of the second nothing listens on this port.
      "host-record=two.test,127.0.0.1,300",
      "host-record=two.test,127.0.0.2,300",
      "host-record=six.test,::1,300",
    ]);
    const link = startThread(dns);
    const { port } = server;
    const checks = Array.from({ length: 50 }, () => check(HTTP, { url: `http://Web.test:${port}/` }));
    for (const result of await Promise.all(checks)) {
      assert.equal(verdict(result), "pass none 0");
      assert.ok((result.dnsUs ?? 0) > 0);
    }
    const asked = () => dns.queries().filter((query) => query.endsWith("web.test")).sort().join();
    assert.ok(await eventually(() => asked() === "A web.test,AAAA web.test"), asked());
    for (let i = 0; i < 4; i++) {
      assert.equal(verdict(await check(TCP, { host: "two.test", port })), "pass none 0");
    }
    const six = await check(TCP, { host: "six.test", port });
    assert.equal(verdict(six), "fail refused 0", "IPv6 alone, where nothing listens");
    useNames(undefined);
    link.stop();
  },
);

test("a resolver that is gone is our own trouble, and what was known goes on", { skip }, async () => {
  await using server = await serveRaw(() => {});
  await using dns = await startDnsmasq(["host-record=web.test,127.0.0.1,1"]);
  const link = startThread(dns, 300);
  const { port } = server;
  assert.equal(verdict(await check(TCP, { host: "web.test", port })), "pass none 0");
  const doubt = await check(TCP, { host: "none.test", port });
  assert.equal(verdict(doubt), "local local_resolver 0");
  assert.equal(doubt.text, "name does not exist, for a short time only");
  const endMs = performance.now() + 8000;
  let missing = doubt;
  while (missing.outcome === "local" && performance.now() < endMs) {
    missing = await check(TCP, { host: "none.test", port });
  }
  assert.equal(verdict(missing), "fail name_not_found 0");
  await dns.kill();
  // Until the TTL of a second is over and the first question has failed.
  const before = performance.now();
  while (performance.now() < before + 2500) {
    assert.equal(verdict(await check(TCP, { host: "web.test", port })), "pass none 0");
  }
  const unknown = await check(TCP, { host: "new.test", port }, { timeoutMs: 300 });
  assert.equal(verdict(unknown), "local local_resolver 0");
  useNames(undefined);
  link.stop();
});
