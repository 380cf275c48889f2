import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { DNS } from "../../src/probes/dns.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { dnsmasqMissing, freeUdpPort, startDnsmasq } from "../support/dnsmasq.ts";
import { check, refusal, verdict } from "./check.ts";

const skip = dnsmasqMissing() ?? false;
const RECORDS = [
  "host-record=web.test,192.0.2.1,2001:db8::1,60",
  "host-record=web.test,192.0.2.2,60",
  "cname=www.test,web.test",
  "mx-host=test,mail.test,10",
  'txt-record=text.test,"v=spf1 -all","and more"',
  "srv-host=_sip._tcp.test,sip.test,5060,1,2",
  "ptr-record=1.2.0.192.in-addr.arpa,web.test",
  "caa-record=test,0,issue,ca.example",
  ...Array.from({ length: 120 }, (_, i) => `host-record=many.test,198.51.100.${i + 1}`),
];

test("records of each type are read from a real server, in one spelling", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const server = `127.0.0.1:${dns.port}`;
  const cases: readonly [record: string, name: string, expect: string | string[]][] = [
    ["A", "web.test", ["192.0.2.2", "192.0.2.1"]],
    ["AAAA", "web.test", "2001:DB8:0:0::1"],
    ["A", "www.test", "192.0.2.1"],
    ["CNAME", "www.test", "Web.Test."],
    ["MX", "test", "10 mail.test."],
    ["TXT", "text.test", "v=spf1 -alland more"],
    ["SRV", "_sip._tcp.test", "1 2 5060 sip.test"],
    ["PTR", "1.2.0.192.in-addr.arpa", "web.test"],
    ["CAA", "test", '0 issue "ca.example"'],
  ];
  for (const [record, name, expect] of cases) {
    for (const transport of ["udp", "tcp"]) {
      const result = await check(DNS, { name, record, server, transport, expect, match: "contains" });
      assert.equal(verdict(result), "pass none 0", `${record} ${name} ${transport}: ${result.text}`);
      assert.ok((result.firstByteUs ?? 0) > 0);
    }
  }
});

test("an answer that does not fit a datagram is asked for again over TCP", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const config = { name: "many.test", server: `127.0.0.1:${dns.port}`, expect: "198.51.100.120" };
  assert.equal(verdict(await check(DNS, config)), "pass none 0");
});

test("what is not as expected is said with what was found", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const base = { server: `127.0.0.1:${dns.port}` };
  const cases: readonly [config: object, code: number, text: string][] = [
    [{ name: "web.test", expect: "192.0.2.9" }, 0, '"192.0.2.9" is not among "192.0.2.'],
    [{ name: "web.test", expect: "192.0.2.1", match: "exact" }, 0, '"192.0.2.2" was not expected'],
    [{ name: "none.test" }, 3, "NXDOMAIN, expected NOERROR"],
    [{ name: "web.test", record: "MX" }, 0, "no MX record"],
    [{ name: "web.test", expected_rcode: "nxdomain" }, 0, "NOERROR, expected NXDOMAIN"],
    [{ name: "elsewhere.example" }, 5, "REFUSED, expected NOERROR"],
  ];
  for (const [config, code, text] of cases) {
    const result = await check(DNS, { ...base, ...config });
    assert.equal(verdict(result), `fail dns_answer ${code}`, JSON.stringify(config));
    assert.equal(result.text?.slice(0, text.length), text);
  }
  const nothing = await check(DNS, { ...base, name: "none.test", expected_rcode: "NXDOMAIN" });
  assert.equal(verdict(nothing), "pass none 0");
});

test("a chosen server that is silent, gone or answers rubbish fails the check by its deadline, with nothing held", async () => {
  const before = openSockets();
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
  const hostile: readonly ((query: Uint8Array) => Uint8Array)[] = [
    (query) => query.subarray(0, 2),
    (query) => query,
    // A pointer to itself, an answer count without answers, a flood of ones.
    (query) =>
      new Uint8Array([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]),
    (query) => new Uint8Array([...query.subarray(0, 2), ...new Array<number>(600).fill(255)]),
  ];
  let answer: ((query: Uint8Array) => Uint8Array) | undefined;
  silent.on("message", (query, { port, address }) => {
    if (answer !== undefined) silent.send(answer(query), port, address);
  });
  const server = `127.0.0.1:${silent.address().port}`;
  const late = await check(DNS, { name: "a.test", server }, { timeoutMs: 150 });
  assert.equal(verdict(late), "fail response_timeout 150");
  assert.ok(late.tookMs < 250, `${late.tookMs} ms`);
  for (answer of hostile) {
    assert.equal(verdict(await check(DNS, { name: "a.test", server })), "fail protocol 0");
  }
  silent.close();
  const gone = `127.0.0.1:${await freeUdpPort()}`;
  const nobody = await check(DNS, { name: "a.test", server: gone }, { timeoutMs: 150 });
  // Deno does not pass on what ICMP said of a datagram.
  assert.match(verdict(nobody), /^fail (response_timeout 150|refused 0)$/);
  await using cut = await serveRaw((socket) => socket.end(new Uint8Array([0, 50, 1, 2, 3])));
  const half = await check(DNS, { name: "a.test", server: `127.0.0.1:${cut.port}`, transport: "tcp" });
  assert.equal(verdict(half), "fail closed_early 0");
  await cut[Symbol.asyncDispose]();
  assert.ok(await eventually(() => openSockets() <= before));
});

test("an answer from elsewhere, or to another question, is not taken", async () => {
  const [server, stranger] = [createSocket("udp4"), createSocket("udp4")];
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  server.on("message", (query, { port, address }) => {
    const forged = new Uint8Array(query);
    forged[2] = 0x81;
    stranger.send(forged, port, address);
    const other = new Uint8Array(forged);
    other[13] = 98;
    server.send(other, port, address);
  });
  const config = { name: "a.test", server: `127.0.0.1:${server.address().port}` };
  assert.equal(verdict(await check(DNS, config, { timeoutMs: 150 })), "fail response_timeout 150");
  server.close();
  stranger.close();
});

test("a configuration that cannot be asked is refused with what is allowed", () => {
  assert.match(refusal(DNS, { name: "münchen.example" }), /name: expected a DNS name of ASCII letters/);
  assert.match(refusal(DNS, { name: `${"a".repeat(64)}.example` }), /name: /);
  assert.match(refusal(DNS, { name: "a.test", server: "ns.example" }), /server: expected an address such as/);
  assert.match(refusal(DNS, { name: "a.test", record: "ANY" }), /record: /);
});
