/** Host names on the raw engine; what they come to is written by the test. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { IpPreference } from "../../src/base/ip_preference.ts";
import { openIdleListener } from "../../src/host/idle_listener.ts";
import { NAME_FAILED, NAME_FOUND, NAME_MISSING, NAME_MISSING_BRIEFLY } from "../../src/model/names.ts";
import { addressBytes } from "../../src/names/hosts_file.ts";
import { HTTP } from "../../src/probes/http.ts";
import { ICMP } from "../../src/probes/icmp.ts";
import { TCP } from "../../src/probes/tcp.ts";
import { createNameTable, NameKeeperEnd, NameTable } from "../../src/shm/name_table.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { verdict } from "../probes/check.ts";
import { createRawChecker, type RawChecker } from "../probes/raw_check.ts";

class Names {
  readonly buffer = createNameTable();
  readonly #table = new NameTable(this.buffer);
  readonly #end = new NameKeeperEnd(this.buffer);

  set(name: string, addresses: readonly string[], status = NAME_FOUND): void {
    const text = new TextEncoder().encode(name);
    const of = (colon: boolean) =>
      addresses.filter((address) => address.includes(":") === colon).map(addressBytes);
    this.#end.publish(this.#table.find(text, 0, text.length), {
      status,
      detail: 0,
      ipv4: of(false),
      ipv6: of(true),
    });
  }

  /** Names that were asked for since the last time. */
  asked(): string[] {
    const names: string[] = [];
    for (let entry = this.#end.takeAsked(); entry >= 0; entry = this.#end.takeAsked()) {
      names.push(this.#end.name(entry));
    }
    return names;
  }
}

async function withRaw(
  context: TestContext,
  body: (raw: RawChecker, names: Names) => Promise<void>,
  prefer: IpPreference = "ipv4",
): Promise<void> {
  const names = new Names();
  using raw = await createRawChecker({ table: names.buffer, prefer });
  if (raw === undefined) return context.skip("no FFI here");
  // The sockets that all echo checks share stay open.
  for (const source of ["127.0.0.1", "::1"]) {
    for (const more of [{}, { source }]) await raw.check(ICMP, { host: source, ...more });
  }
  const held = openSockets();
  await body(raw, names);
  assert.equal(raw.engine.inFlight, 0);
  assert.ok(await eventually(() => openSockets() <= held), "sockets left");
}

test("a check by name waits for its name, goes to its address and names the host in its request", (context) =>
  withRaw(context, async (raw, names) => {
    let request = "";
    await using server = await serveRaw((socket) =>
      socket.once("data", (chunk: Uint8Array) => {
        request = Buffer.from(chunk).toString();
        socket.end("HTTP/1.1 204 No Content\r\n\r\n");
      })
    );
    const url = `http://web.test:${server.port}/x`;
    const checks = Array.from({ length: 20 }, () => raw.check(HTTP, { url }));
    assert.deepEqual(names.asked(), ["web.test"], "one question for all of them");
    names.set("web.test", ["127.0.0.1"]);
    for (const result of await Promise.all(checks)) {
      assert.equal(verdict(result), "pass none 0");
      assert.ok((result.dnsUs ?? 0) > 0 && (result.connectUs ?? 0) >= (result.dnsUs ?? 0));
    }
    assert.match(request, new RegExp(`^GET /x HTTP/1.1\r\nHost: web.test:${server.port}\r\n`));
    assert.equal(verdict(await raw.check(TCP, { host: "Web.Test", port: server.port })), "pass none 0");
    assert.deepEqual(names.asked(), []);
  }));

test("echo requests go to the address of a name, as soon as it is known", (context) =>
  withRaw(context, async (raw, names) => {
    const checks = Array.from(
      { length: 5 },
      () => raw.check(ICMP, { host: "Gate.test", count: 2, interval: 1 }),
    );
    assert.deepEqual(names.asked(), ["gate.test"]);
    names.set("gate.test", ["::1", "127.0.0.1"]);
    const results = await Promise.all(checks);
    if (results[0]?.reason === "local_permission") {
      return context.skip(`not permitted here: ${results[0].text}`);
    }
    for (const result of results) {
      assert.equal(verdict(result), "pass none 0", `${result.text}`);
      assert.ok((result.dnsUs ?? 0) > 0 && (result.firstByteUs ?? 0) > (result.dnsUs ?? 0));
    }
    // From an address of the other kind than is preferred.
    assert.equal(verdict(await raw.check(ICMP, { host: "gate.test", source: "::1" })), "pass none 0");
    const late = await raw.check(ICMP, { host: "silent.test" }, { timeoutMs: 100 });
    assert.equal(`${verdict(late)} ${late.text}`, "local local_resolver 0 no answer in time");
    names.set("gone.test", [], NAME_MISSING);
    const gone = await raw.check(ICMP, { host: "gone.test" }, { retries: 1 });
    assert.equal(`${verdict(gone)} ${gone.attempts}`, "fail name_not_found 0 2");
  }));

test("addresses are tried in turn within the deadline; what one says of the target stands", (context) =>
  withRaw(context, async (raw, names) => {
    await using server = await serveRaw(() => {});
    const { port } = server;
    names.set("second.test", ["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    assert.equal(verdict(await raw.check(TCP, { host: "second.test", port })), "pass none 0");
    names.set("none.test", ["127.0.0.2", "127.0.0.3"]);
    assert.equal(verdict(await raw.check(TCP, { host: "none.test", port })), "fail refused 0");
    // The kernel has no route for TCP to the last one: our own fault, were it alone.
    names.set("route.test", ["127.0.0.2", "255.255.255.255"]);
    assert.equal(verdict(await raw.check(TCP, { host: "route.test", port })), "fail refused 0");
    names.set("ours.test", ["255.255.255.255"]);
    assert.equal((await raw.check(TCP, { host: "ours.test", port })).outcome, "local");
    const deaf = await openIdleListener({ host: "127.0.0.4", port: 0 });
    await using beside = await serveRaw(() => {}, { port: deaf.port });
    names.set("deaf.test", ["127.0.0.4", "127.0.0.1"]);
    const slow = await raw.check(TCP, { host: "deaf.test", port: beside.port }, { timeoutMs: 400 });
    assert.equal(verdict(slow), "pass none 0");
    assert.ok(slow.tookMs >= 190 && slow.tookMs < 390, `${slow.tookMs} ms`);
    deaf.close();
  }));

test("which kind of address comes first, or at all", (context) =>
  withRaw(context, async (raw, names) => {
    await using server = await serveRaw(() => {}, { host: "::1" });
    const { port } = server;
    names.set("both.test", ["127.0.0.1", "::1"]);
    assert.equal(verdict(await raw.check(TCP, { host: "both.test", port })), "pass none 0");
    names.set("four.test", ["127.0.0.1"]);
    const four = await raw.check(TCP, { host: "four.test", port });
    assert.equal(`${verdict(four)} ${four.text}`, "fail name_not_found 0 no IPv6 address");
  }, "ipv6_only"));

test("no answer is our own trouble, no such name in the end the monitor's", (context) =>
  withRaw(context, async (raw, names) => {
    const late = await raw.check(TCP, { host: "silent.test", port: 9 }, { timeoutMs: 100 });
    assert.equal(`${verdict(late)} ${late.text}`, "local local_resolver 0 no answer in time");
    assert.ok(late.tookMs >= 95 && late.tookMs < 200, `${late.tookMs} ms`);
    names.set("failed.test", [], NAME_FAILED);
    const failed = await raw.check(TCP, { host: "failed.test", port: 9 });
    assert.equal(`${verdict(failed)} ${failed.text}`, "local local_resolver 0 no name server answered");
    names.set("new.test", [], NAME_MISSING_BRIEFLY);
    assert.equal(verdict(await raw.check(TCP, { host: "new.test", port: 9 })), "local local_resolver 0");
    names.set("gone.test", [], NAME_MISSING);
    const gone = await raw.check(TCP, { host: "gone.test", port: 9 }, { retries: 2 });
    assert.equal(verdict(gone), "fail name_not_found 0");
    assert.equal(gone.attempts, 3);
  }));
