/** Echo checks against the kernel of this machine, by both engines; what needs a network of several hosts is icmp_network_test.ts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { mayPing } from "../../src/host/ping_permission.ts";
import type { EchoTally } from "../../src/model/raw_probe.ts";
import { ICMP } from "../../src/probes/icmp.ts";
import { parsePingSummary, pingCommand, runPingProgram } from "../../src/probes/icmp_program.ts";
import { verdictOf } from "../../src/probes/icmp_raw.ts";
import { check, refusal, verdict } from "./check.ts";
import { createRawChecker, type RawChecker } from "./raw_check.ts";

/** As root, or where the machine permits it: a check that is not permitted is another test's. */
async function withEcho(
  context: { skip(message: string): void },
  run: (raw: RawChecker) => Promise<void>,
): Promise<void> {
  using raw = await createRawChecker();
  if (raw === undefined) return context.skip("no FFI here");
  const first = await raw.check(ICMP, { host: "127.0.0.1" }, { timeoutMs: 1000 });
  if (first.reason === "local_permission") return context.skip(`not permitted here: ${first.text}`);
  await run(raw);
}

test("loopback answers over IPv4 and IPv6, to both engines alike", (context) =>
  withEcho(context, async (raw) => {
    for (const host of ["127.0.0.1", "127.9.8.7", "::1"]) {
      for (const config of [{ host }, { host, count: 5, interval: "5ms", rtt: "1s", loss_pct: 0 }]) {
        const result = await raw.check(ICMP, config, { timeoutMs: 2000 });
        const hosted = await check(ICMP, config, { timeoutMs: 2000 });
        const name = `${JSON.stringify(config)}: ${result.text} / ${hosted.text}`;
        assert.equal(verdict(result), "pass none 0", name);
        assert.equal(verdict(hosted), "pass none 0", name);
        // Round trips over loopback, however busy this thread is.
        assert.ok((result.firstByteUs ?? 0) > 0 && (result.firstByteUs ?? 0) < 500_000, name);
        const count = "count" in config ? 5 : 1;
        const shape = count === 1 ? /^undefined$/ : /^5 of 5 echoes answered \| rta=[\d.]+ms pl=0%$/;
        assert.match(String(result.text), shape);
        assert.match(String(hosted.text), shape);
      }
    }
  }));

test("a name is resolved, and its time told", (context) =>
  withEcho(context, async () => {
    const result = await check(ICMP, { host: "localhost" });
    assert.equal(verdict(result), "pass none 0", `${result.text}`);
    assert.ok(result.dnsUs !== undefined && (result.firstByteUs ?? 0) >= result.dnsUs);
    const missing = await check(ICMP, { host: "no-such-host.invalid" });
    assert.ok(["name_not_found", "local_resolver"].includes(missing.reason), verdict(missing));
  }));

test("a round trip over the limit is too slow", (context) =>
  withEcho(context, async (raw) => {
    const result = await raw.check(ICMP, { host: "127.0.0.1", rtt: 0.000001 });
    assert.equal(`${result.outcome} ${result.reason}`, "fail too_slow");
    assert.match(result.text ?? "", /^1 of 1 echoes answered \| rta=/);
  }));

test("a thousand at once are each answered by their own echo", (context) =>
  withEcho(context, async (raw) => {
    for (let round = 0; round < 4; round++) {
      const results = await Promise.all(
        Array.from({ length: 250 }, (_, index) =>
          raw.check(ICMP, {
            host: `127.0.${round}.${index + 1}`,
            count: 1 + index % 3,
            interval: "1ms",
            loss_pct: 0,
          })),
      );
      for (const result of results) {
        assert.equal(verdict(result), "pass none 0", `${result.text}`);
      }
    }
    assert.equal(raw.engine.inFlight, 0);
  }));

test("answers to another program's echoes are not taken for ours", (context) =>
  withEcho(context, async (raw) => {
    const other = spawn("ping", ["-n", "-q", "-c", "200", "-i", "0.002", "-s", "56", "127.0.0.1"], {
      stdio: "ignore",
    });
    const gone = new Promise((resolve) => other.once("close", resolve).once("error", resolve));
    for (let round = 0; round < 20; round++) {
      const result = await raw.check(ICMP, { host: "127.0.0.1", count: 3, interval: "5ms", loss_pct: 0 });
      assert.match(result.text ?? "", /^3 of 3 echoes answered/);
    }
    other.kill("SIGTERM");
    await gone;
  }));

test("a source address that is not ours is our fault, one that is ours is used", (context) =>
  withEcho(context, async (raw) => {
    const good = await raw.check(ICMP, { host: "127.0.0.1", source: "127.0.0.9" });
    assert.equal(verdict(good), "pass none 0", `${good.text}`);
    for (const run of [raw.check, check]) {
      const bad = await run(ICMP, { host: "127.0.0.1", source: "192.0.2.99" });
      assert.equal(`${bad.outcome} ${bad.reason}`, "local local_buffers");
      assert.match(bad.text ?? "", /cannot send from 192\.0\.2\.99/);
    }
  }));

const TALLY: EchoTally = {
  count: 4,
  answered: 4,
  rttLeastUs: 900,
  rttMeanUs: 1500,
  rttMostUs: 2000,
  timeoutMs: 1000,
  error: undefined,
  droppedHere: false,
};
const LIMITS = { lossPct: 99, rttMs: 0 };
const said = (tally: Partial<EchoTally>, limits: Partial<typeof LIMITS> = {}) => {
  const { outcome, reason, value, text } = verdictOf({ ...TALLY, ...tally }, { ...LIMITS, ...limits });
  return `${outcome} ${reason} ${value} ${text ?? ""}`;
};

test("loss and round-trip time against their limits", () => {
  assert.equal(said({}), "pass none 0 4 of 4 echoes answered");
  assert.equal(said({ answered: 1 }), "pass none 0 1 of 4 echoes answered");
  assert.equal(said({ answered: 0 }), "fail response_timeout 1000 0 of 4 echoes answered");
  assert.equal(said({ answered: 3 }, { lossPct: 25 }), "pass none 0 3 of 4 echoes answered");
  assert.equal(said({ answered: 3 }, { lossPct: 24 }), "fail packet_loss 25 3 of 4 echoes answered");
  assert.equal(said({}, { rttMs: 1.5 }), "pass none 0 4 of 4 echoes answered");
  assert.equal(said({}, { rttMs: 1.4 }), "fail too_slow 2 4 of 4 echoes answered");
  assert.match(said({ answered: 0, droppedHere: true }), /^local local_buffers/);
});

test("what the network says becomes the reason", () => {
  const error = (family: 4 | 6, type: number, code: number, from = "192.0.2.1") =>
    said({ answered: 0, error: { family, type, code, from } });
  assert.equal(error(4, 3, 1), "fail unreachable 1 host unreachable, says 192.0.2.1");
  assert.equal(error(4, 3, 13), "fail unreachable 13 communication prohibited, says 192.0.2.1");
  assert.equal(error(4, 3, 77, ""), "fail unreachable 77 code 77");
  assert.match(error(4, 11, 0), /^fail ttl_exceeded 0 routing loop/);
  assert.match(error(6, 3, 0, "2001:db8::1"), /^fail ttl_exceeded 0 .*says 2001:db8::1$/);
  assert.equal(error(6, 1, 0, "2001:db8::1"), "fail unreachable 0 no route to destination, says 2001:db8::1");
});

test("permission is read from the group range and the capabilities", () => {
  const status = (groups: string, capabilities: string) =>
    `Uid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t${groups}\nCapEff:\t${capabilities}\n`;
  assert.equal(mayPing("1\t0\n", status("", "0000000000000000")), false);
  assert.equal(mayPing("0\t2147483647\n", status("", "0000000000000000")), true);
  assert.equal(mayPing("200\t300\n", status("27 250", "0000000000000000")), true);
  assert.equal(mayPing("200\t300\n", status("27", "0000000000000000")), false);
  assert.equal(mayPing("1\t0\n", status("", "0000000000002000")), true);
});

test("the system's ping is asked for the same and read alike", async () => {
  const config = { ...ICMP.schema.parse({ host: "h", count: 3, interval: "250ms", source: "127.0.0.1" }) };
  assert.equal(
    pingCommand({ address: "127.0.0.1", config, timeoutMs: 2500 }).join(" "),
    "ping -n -q -c 3 -i 0.250 -w 3 -I 127.0.0.1 127.0.0.1",
  );
  const iputils = "3 packets transmitted, 2 received, 33.3333% packet loss, time 401ms\n" +
    "rtt min/avg/max/mdev = 0.030/0.041/0.055/0.010 ms\n";
  assert.deepEqual(parsePingSummary(iputils), {
    count: 3,
    answered: 2,
    rttLeastUs: 30,
    rttMeanUs: 41,
    rttMostUs: 55,
  });
  const busybox = "1 packets transmitted, 0 packets received, 100% packet loss\n";
  assert.equal(parsePingSummary(busybox)?.answered, 0);
  assert.equal(parsePingSummary("ping: unknown host"), undefined);
  const result = await runPingProgram(
    { address: "127.0.0.1", config: { ...config, count: 1, source: "" }, timeoutMs: 2000 },
    new AbortController().signal,
  );
  assert.ok(result.outcome === "pass" || result.reason === "local_permission", JSON.stringify(result));
});

test("bad configurations are refused with what is allowed", () => {
  assert.match(refusal(ICMP, { host: "a b" }), /host: expected a host name or an address/);
  assert.match(refusal(ICMP, { host: "h", count: 0 }), /count/);
  assert.match(refusal(ICMP, { host: "h", count: 101 }), /count/);
  assert.match(refusal(ICMP, { host: "h", loss_pct: 100 }), /loss_pct/);
  assert.match(refusal(ICMP, { host: "h", source: "eth0" }), /source: expected an address of this machine/);
  assert.equal(refusal(ICMP, { host: "h", ignore_privilege: true }), "");
});
