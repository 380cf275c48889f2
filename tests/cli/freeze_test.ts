import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { canarySpecs } from "../../src/cli/canaries.ts";
import { defaultFreezeFile, runFreeze, runUnfreeze, watchFreezeFile } from "../../src/cli/freeze.ts";
import { defaultGateway, firstNameserver } from "../../src/host/network_facts.ts";
import { DNS } from "../../src/probes/dns.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { eventually, tempFolder } from "../support/binary.ts";

const lines: string[] = [];
const io = { out: (line: string) => void lines.push(line), err: (line: string) => void lines.push(line) };

test("freeze makes the file and says why it was made, unfreeze removes it; both may be said twice", async () => {
  using folder = tempFolder();
  const file = join(folder.path, "state", "freeze");
  assert.equal(await runFreeze({ file, reason: "storage is being moved" }, io), 0);
  assert.match(readFileSync(file, "utf8"), /storage is being moved/);
  assert.equal(await runFreeze({ file, reason: undefined }, io), 0);
  assert.match(readFileSync(file, "utf8"), /storage is being moved/);
  assert.equal(await runUnfreeze(file, io), 0);
  assert.equal(existsSync(file), false);
  assert.equal(await runUnfreeze(file, io), 0);
  assert.match(lines.at(-1) ?? "", /not frozen/);
});

test("freeze says what is in its way", async () => {
  using folder = tempFolder();
  writeFileSync(join(folder.path, "state"), "");
  assert.equal(await runFreeze({ file: join(folder.path, "state", "freeze"), reason: undefined }, io), 1);
  assert.match(lines.at(-1) ?? "", /^Cannot freeze: /);
});

test("a watch knows the file before it returns, and sees it come and go", async () => {
  using folder = tempFolder();
  const file = join(folder.path, "freeze");
  writeFileSync(file, "");
  const changes: boolean[] = [];
  const watch = await watchFreezeFile(file, { change: (frozen) => changes.push(frozen), trouble: () => {} });
  assert.deepEqual(changes, [true]);
  rmSync(file);
  await eventually(() => changes.length === 2 || undefined, "released");
  mkdirSync(file);
  await eventually(() => changes.length === 3 || undefined, "frozen");
  watch.stop();
  assert.deepEqual(changes, [true, false, true]);
  chmodSync(file, 0o700);
});

test("the file lies in the directory of state, else in the one that systemd gives, else in ./cpra-state", () => {
  const systemd = { STATE_DIRECTORY: "/var/lib/cpra:/var/lib/more" };
  assert.equal(defaultFreezeFile("/srv/state", systemd), "/srv/state/freeze");
  for (const state of [null, "memory"]) {
    assert.equal(defaultFreezeFile(state, {}), resolve("cpra-state/freeze"));
    assert.equal(defaultFreezeFile(state, systemd), "/var/lib/cpra/freeze");
  }
});

test("gateway and resolver are read from what the kernel and resolv.conf say", () => {
  const routes = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
`;
  assert.equal(defaultGateway(routes), "192.168.1.1");
  assert.equal(defaultGateway(""), undefined);
  assert.equal(
    firstNameserver("# nameserver 1.1.1.1\noptions ndots:2\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"),
    "10.0.0.2",
  );
});

test("the canary of loopback is our own endpoint", () => {
  const [loopback] = canarySpecs("http://[::1]:6060", PROBES);
  assert.equal(loopback?.canary, "loopback");
  assert.equal(loopback?.spec.probe.target, "[::1]:6060");
  assert.deepEqual(canarySpecs(undefined, []), []);
});

test("the canary of the resolver is a real look-up of the root", async () => {
  const files = { routes: "", resolvConf: "nameserver 127.0.0.1:1\n" };
  const [resolver, ...more] = canarySpecs(undefined, PROBES, files);
  assert.equal(more.length, 0);
  assert.deepEqual([resolver?.canary, resolver?.spec.probe.kind, resolver?.spec.probe.target], [
    "resolver",
    "dns",
    ".",
  ]);
  const { config } = resolver?.spec.probe ?? {};
  const request = { monitor: "canary", target: ".", config, timeoutMs: 500 };
  const dead = await DNS.run(request, AbortSignal.timeout(500));
  assert.notEqual(dead?.outcome, "pass", "nobody is there");
});
