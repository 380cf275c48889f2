import assert from "node:assert/strict";
import { test } from "node:test";
import { FAULT_REFUSED, FAULT_SILENT } from "../../src/model/names.ts";
import { parseHosts } from "../../src/names/hosts_file.ts";
import { Resolver } from "../../src/names/resolver.ts";
import { parseResolvConf, type ResolverConfig } from "../../src/net/dns/resolv_conf.ts";
import { eventually } from "../net/sockets.ts";
import { dnsmasqMissing, freeUdpPort, startDnsmasq } from "../support/dnsmasq.ts";

const skip = dnsmasqMissing() ?? false;
const NEVER = new AbortController().signal;
const RECORDS = [
  "host-record=web.test,192.0.2.1,2001:db8::1,60",
  "host-record=web.test,192.0.2.2,60",
  "host-record=short.test,192.0.2.3,1",
  "cname=www.test,web.test,20",
  "host-record=db.inside.test,192.0.2.7,60",
  "txt-record=text.test,x",
  ...Array.from({ length: 120 }, (_, i) => `host-record=many.test,198.51.100.${i + 1},60`),
];

function resolver(
  ports: readonly number[],
  more: Partial<ResolverConfig> & { hosts?: string } = {},
): Resolver {
  const { hosts, ...config } = more;
  return new Resolver({
    hosts: parseHosts(hosts ?? ""),
    config: {
      servers: ports.map((port) => ({ address: "127.0.0.1", port })),
      search: [],
      ndots: 1,
      timeoutMs: 100,
      attempts: 1,
      ...config,
    },
    nowMs: () => performance.now(),
  });
}

test("addresses of both kinds with the least TTL of the chain, from a real server", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const names = resolver([dns.port]);
  const web = await names.resolve("web.test", NEVER);
  assert.ok(web.kind === "found");
  assert.deepEqual([...web.addresses.ipv4].sort(), ["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(web.addresses.ipv6, ["2001:db8::1"]);
  assert.equal(web.ttlMs, 60_000);
  const alias = await names.resolve("www.test", NEVER);
  assert.ok(alias.kind === "found" && alias.addresses.ipv4.length === 2);
  assert.equal(alias.ttlMs, 20_000);
  const many = await names.resolve("many.test", NEVER);
  assert.ok(many.kind === "found" && many.addresses.ipv4.length === 120, "over TCP");
  names.close();
});

test(
  "what does not exist, and what has no address, is missing; what nobody could say has failed",
  { skip },
  async () => {
    await using dns = await startDnsmasq(RECORDS);
    const names = resolver([dns.port]);
    assert.equal((await names.resolve("none.test", NEVER)).kind, "missing");
    assert.equal((await names.resolve("text.test", NEVER)).kind, "missing");
    assert.deepEqual(await names.resolve("elsewhere.example", NEVER), {
      kind: "failed",
      fault: FAULT_REFUSED,
    });
    assert.equal((await names.resolve("no such name", NEVER)).kind, "missing");
    await dns.kill();
    assert.deepEqual(await names.resolve("web.test", NEVER), { kind: "failed", fault: FAULT_SILENT });
    await dns.start(RECORDS);
    assert.equal((await names.resolve("web.test", NEVER)).kind, "found");
    names.close();
  },
);

test("a server that was silent is asked last, so that it costs its time once", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const names = resolver([await freeUdpPort(), dns.port], { timeoutMs: 400 });
  assert.equal((await names.resolve("web.test", NEVER)).kind, "found");
  const startedMs = performance.now();
  assert.equal((await names.resolve("www.test", NEVER)).kind, "found");
  assert.ok(performance.now() - startedMs < 350);
  names.close();
});

test("the search list is for names with few dots, a final dot is for none", { skip }, async () => {
  await using dns = await startDnsmasq(RECORDS);
  const names = resolver([dns.port], { search: ["other.test", "inside.test"] });
  assert.equal((await names.resolve("db", NEVER)).kind, "found");
  assert.equal((await names.resolve("db.", NEVER)).kind, "failed", "dnsmasq refuses what is not under .test");
  const wanted = ["A db.other.test", "A db.inside.test", "A db"].join();
  assert.ok(
    await eventually(() => dns.queries().filter((query) => query.startsWith("A db")).join() === wanted),
  );
  names.close();
});

test("/etc/hosts and localhost are known without any server", async () => {
  const names = resolver([9], {
    hosts: "192.0.2.5 Inside.Example alias # comment\n::ffff:192.0.2.6 alias\nx y\n",
  });
  const alias = await names.resolve("alias", NEVER);
  assert.ok(alias.kind === "found");
  assert.deepEqual(alias.addresses, { ipv4: ["192.0.2.5"], ipv6: ["::ffff:c000:206"] });
  assert.equal((await names.resolve("inside.example.", NEVER)).kind, "found");
  const local = await names.resolve("a.localhost", NEVER);
  assert.ok(local.kind === "found" && local.addresses.ipv4[0] === "127.0.0.1");
  names.close();
});

test("resolv.conf is read as its manual says", () => {
  assert.deepEqual(
    parseResolvConf(
      "# c\nnameserver 192.0.2.1\nnameserver 2001:db8::1 ; c\nnameserver nonsense\nsearch a.example b.example.\n" +
        "options ndots:3 timeout:1 attempts:9 rotate\n",
    ),
    {
      servers: [{ address: "192.0.2.1", port: 53 }, { address: "2001:db8::1", port: 53 }],
      search: ["a.example", "b.example"],
      ndots: 3,
      timeoutMs: 1000,
      attempts: 5,
    },
  );
  assert.deepEqual(parseResolvConf("").servers, [{ address: "127.0.0.1", port: 53 }]);
});
