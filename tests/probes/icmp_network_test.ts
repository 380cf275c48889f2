/** Echo checks in a network of two hosts: what routers say of them, loss, silence, and the rights that they need. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  ABSENT,
  BEHIND,
  networkMissing,
  ROUTER,
  startNetwork,
  type TestNetwork,
} from "../support/network.ts";
import { verdict } from "./check.ts";
import type { EchoCheckOrder, EchoCheckResult } from "./fixtures/echo_checks.ts";

const FIXTURE = new URL("./fixtures/echo_checks.ts", import.meta.url).pathname;
const ARGV = process.versions["bun"] === undefined
  ? [process.execPath, "run", "-A", "--no-check", FIXTURE]
  : [process.execPath, FIXTURE];

async function echo(
  network: TestNetwork,
  orders: readonly EchoCheckOrder[],
  rights: "all" | "none" = "all",
): Promise<readonly EchoCheckResult[]> {
  const output = await network.exec("box", [...ARGV, JSON.stringify(orders)], { rights });
  return JSON.parse(output) as readonly EchoCheckResult[];
}

/** Both engines say the same; one line for both. */
function told({ raw, hosted }: EchoCheckResult): string {
  const lines = [raw, hosted].map((result) =>
    `${verdict(result)} ${(result.text ?? "").split(" | ")[0]}`.trim()
  );
  assert.equal(lines[0], lines[1]);
  return lines[0] as string;
}

/** What is asked, and what must come of it, over raw sockets and over ping sockets. */
const CASES: readonly (readonly [host: string, wanted: string | RegExp, timeoutMs?: number])[] = [
  [ROUTER.v4, "pass none 0"],
  [ROUTER.v6, "pass none 0"],
  [BEHIND.unreachable.v4, "fail unreachable 1 host unreachable, says 192.0.2.2"],
  [BEHIND.prohibited.v4, "fail unreachable 13 communication prohibited, says 192.0.2.2"],
  [BEHIND.silent.v4, "fail response_timeout 400 0 of 1 echoes answered"],
  [
    BEHIND.loop.v4,
    /^fail ttl_exceeded 0 routing loop or too long a way, says (192\.0\.2\.2|203\.0\.113\.2)$/,
  ],
  // Linux says 0 (no route) of such a route, RFC 4443 would have 3.
  [BEHIND.unreachable.v6, /^fail unreachable [03] (no route to destination|address unreachable)/],
  [BEHIND.prohibited.v6, /^fail unreachable 1 communication prohibited/],
  [BEHIND.silent.v6, "fail response_timeout 400 0 of 1 echoes answered"],
  [BEHIND.loop.v6, /^fail ttl_exceeded 0 routing loop or too long a way/],
  [ABSENT, "fail response_timeout 400 0 of 1 echoes answered"],
  // The box itself says it, when nobody has answered for the address (ARP).
  [ABSENT, "fail unreachable 1 host unreachable, says 192.0.2.1", 8000],
];

for (const kind of ["raw sockets", "ping sockets"] as const) {
  test(`over ${kind}: answers, silence, and what routers say`, async (context) => {
    const missing = networkMissing();
    if (missing !== undefined) return context.skip(missing);
    await using network = await startNetwork();
    if (kind === "ping sockets") await network.sysctl("box", "net.ipv4.ping_group_range", "0 2147483647");
    const orders = CASES.map(([host, , timeoutMs = 400]) => ({ config: { host }, timeoutMs }));
    const results = await echo(network, orders, kind === "ping sockets" ? "none" : "all");
    for (const [index, [host, wanted]] of CASES.entries()) {
      const line = told(results[index] as EchoCheckResult);
      if (typeof wanted === "string") assert.equal(line, wanted, host);
      else assert.match(line, wanted, `${host}: ${line}`);
    }
  });
}

test("loss is counted: a router that answers some echoes only", async (context) => {
  const missing = networkMissing();
  if (missing !== undefined) return context.skip(missing);
  await using network = await startNetwork();
  // Echo replies (bit 0) six at once and then one in 10 s for each peer (icmp(7); ICMP's token bucket).
  await network.sysctl("router", "net.ipv4.icmp_ratemask", "1");
  await network.sysctl("router", "net.ipv4.icmp_ratelimit", "10000");
  const config = { host: ROUTER.v4, count: 12, interval: "10ms" };
  const [first] = await echo(network, [{ config: { ...config, "loss_pct": 20 }, timeoutMs: 600 }]);
  assert.equal(verdict(first?.raw as EchoCheckResult["raw"]), "fail packet_loss 50");
  assert.match(first?.raw.text ?? "", /^6 of 12 echoes answered \| rta=[\d.]+ms pl=50%$/);
  await network.sysctl("router", "net.ipv4.icmp_ratelimit", "0");
  const [second] = await echo(network, [{ config: { ...config, "loss_pct": 0 }, timeoutMs: 600 }]);
  assert.equal(told(second as EchoCheckResult), "pass none 0 12 of 12 echoes answered");
});

test("without rights a check is local and says the commands; with either of them it works", async (context) => {
  const missing = networkMissing();
  if (missing !== undefined) return context.skip(missing);
  await using network = await startNetwork();
  const orders = [
    { config: { host: ROUTER.v4 }, timeoutMs: 500 },
    { config: { host: ROUTER.v6 }, timeoutMs: 500 },
    { config: { host: ROUTER.v4, "ignore_privilege": true }, timeoutMs: 500 },
  ];
  for (const result of await echo(network, orders, "none")) {
    for (const { outcome, reason, text } of [result.raw, result.hosted]) {
      assert.equal(`${outcome} ${reason}`, "local local_permission");
      assert.match(text ?? "", /sysctl -w net\.ipv4\.ping_group_range="0 2147483647"/);
    }
  }
  const allowed = (await echo(network, orders, "all")).map(told);
  assert.deepEqual(allowed.slice(0, 2), ["pass none 0", "pass none 0"], "by raw sockets");
  assert.match(allowed[2] as string, /^local local_permission .*ping sockets are not permitted/);
  await network.sysctl("box", "net.ipv4.ping_group_range", "0 2147483647");
  const byGroup = (await echo(network, orders, "none")).map(told);
  assert.deepEqual(byGroup, ["pass none 0", "pass none 0", "pass none 0"]);
});
