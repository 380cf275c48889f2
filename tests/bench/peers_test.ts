import assert from "node:assert/strict";
import { test } from "node:test";
import { hashText } from "../../src/base/hash.ts";
import { phasedNames } from "../../bench/manifest_file.ts";
import { benchPeers } from "../../bench/peers.ts";
import { cloudproberConfig } from "../../bench/peers/cloudprober.ts";
import { gatusConfig } from "../../bench/peers/gatus.ts";
import { haproxyConfig } from "../../bench/peers/haproxy.ts";
import { placeTargets } from "../../bench/peers/measure.ts";
import { monitrc } from "../../bench/peers/monit.ts";
import { nagiosFiles } from "../../bench/peers/nagios.ts";
import type { PeerPlan } from "../../bench/peers/peer.ts";
import { prometheusFiles } from "../../bench/peers/prometheus.ts";
import { findProgram } from "../../bench/peers/started.ts";
import { startTarget } from "../../bench/target.ts";

const PLAN: PeerPlan = {
  folder: "/tmp/run",
  targets: [{ index: 0, host: "127.1.0.1", port: 4000 }, { index: 1, host: "127.1.0.2", port: 4001 }],
  intervalSeconds: 7,
  timeoutSeconds: 3,
  core: undefined,
};

test("every peer is told the same targets, interval and timeout", () => {
  const configurations: readonly (readonly [string, RegExp, RegExp])[] = [
    [monitrc(PLAN), /set daemon 7/, /timeout 3 seconds/],
    [haproxyConfig(PLAN), /inter 7s/, /timeout check 3s/],
    [
      Object.values(prometheusFiles(PLAN, "127.0.0.1:9115")).join(),
      /"scrape_interval":"7s"/,
      /"timeout":"3s"/,
    ],
    [nagiosFiles(PLAN)["objects.cfg"] as string, /check_interval 7/, /-t 3/],
    [gatusConfig(PLAN, 8080), /"interval":"7s"/, /"timeout":"3s"/],
    [cloudproberConfig(PLAN, 9313), /interval: "7s"/, /timeout: "3s"/],
  ];
  for (const [text, interval, timeout] of configurations) {
    assert.match(text, interval);
    assert.match(text, timeout);
    for (const { host, port } of PLAN.targets) {
      assert.ok(text.includes(host) && text.includes(String(port)), `${host}:${port} is missing in\n${text}`);
    }
  }
});

test("targets with a fault lie evenly among the others, mortal ones come first", async () => {
  await using target = await startTarget({ core: undefined });
  const run = { targets: 210, intervalSeconds: 1, timeoutSeconds: 1, warmUpSeconds: 0, seconds: 1 };
  const count = (port: number, faults: object) =>
    placeTargets({ ...run, ...faults }, target).filter((each) => each.port === port).length;
  assert.equal(count(target.ports.mortal, { mortal: 10 }), 10);
  assert.equal(count(target.ports.hung, { mortal: 10, hung: 0.01 }), 2);
  assert.equal(count(target.ports.reset, { down: 0.6 }), 126);
});

test("phased names are those that cpra checks in that part of the interval", () => {
  const names = [...phasedNames({ prefix: "p", count: 100, from: 0.25, to: 0.5 })];
  assert.equal(new Set(names).size, 100);
  for (const name of names) {
    const phase = hashText(name) / 2 ** 32;
    assert.ok(phase >= 0.25 && phase < 0.5);
  }
});

test("a peer that is installed is measured, one that is not is named", async () => {
  const { tables, remarks = [] } = await benchPeers({
    run: { targets: 10, intervalSeconds: 1, timeoutSeconds: 1, warmUpSeconds: 0, seconds: 0.5 },
    name: "peers",
    fastOnly: false,
    runs: 1,
    slopeSeconds: 0,
    only: ["haproxy", "gatus"],
  });
  const installed = findProgram("haproxy") !== undefined;
  assert.equal(remarks.some((each) => each.startsWith("HAProxy: not installed")), !installed);
  assert.equal(
    remarks.some((each) => each.startsWith("Gatus: not installed")),
    findProgram("gatus") === undefined,
  );
  if (!installed) return;
  const healthy = tables[0]?.rows.find(([name]) => name === "HAProxy") ?? [];
  assert.ok((healthy[3] as number) > 0, `checks/s: ${healthy[3]}`);
  const times = tables.at(-1)?.rows.find(([name]) => name === "HAProxy") ?? [];
  assert.ok(Number.isFinite(times[3]), "most of the deaths were seen");
});
