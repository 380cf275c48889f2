/** Small versions of the benches that drive the executable: they must run and count. How fast it was is not tested. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TARGET_CORE } from "../../bench/child.ts";
import { benchFleet, type FleetRun } from "../../bench/fleet.ts";
import { benchHung } from "../../bench/hung.ts";
import { benchLoad } from "../../bench/load.ts";
import { benchOverload } from "../../bench/overload.ts";
import { benchScale } from "../../bench/scale.ts";
import { benchSizing } from "../../bench/sizing.ts";
import { inOwnNetwork, runToEnd } from "../../bench/network.ts";
import { startTarget } from "../../bench/target.ts";
import { buildBinary } from "../support/binary.ts";

const RUN: FleetRun = {
  mode: "http, new connection",
  monitors: 50,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  warmUpSeconds: 0.5,
  seconds: 0.5,
};

buildBinary();

test("the fleet bench counts checks and what they cost", async () => {
  const { tables } = await benchFleet({ runs: [RUN] });
  const [row = []] = tables[0]?.rows ?? [];
  const [mode, monitors, , checksPerSecond, , passed, failed, local, cpuUs] = row;
  assert.deepEqual([mode, monitors, failed, local], ["http, new connection", 50, 0, 0]);
  assert.ok(
    (checksPerSecond as number) > 10 && (passed as number) > 10 && (cpuUs as number) > 1,
    String(row),
  );
});

test("the hung bench has the hung targets fail and the others pass", async () => {
  const { tables } = await benchHung({ run: { ...RUN, seconds: 1.5 }, turns: 1 });
  const [without = [], withHung = []] = tables[0]?.rows ?? [];
  assert.ok((without[1] as number) > 0);
  assert.ok((withHung[1] as number) > 0 && (withHung[3] as number) >= 1, String(withHung));
});

test("the sizing bench shows arrivals that double and a service time that triples", async () => {
  const { tables } = await benchSizing({
    checksPerSecond: 40,
    serviceMs: 20,
    periodSeconds: 2,
    sampleSeconds: 0.5,
  });
  const rows = tables[0]?.rows ?? [];
  const phases = new Set(rows.map((row) => row[1]));
  assert.ok(phases.has("λ, τ") || phases.has("2λ, τ"));
  assert.ok([...phases].some((phase) => String(phase).endsWith("3τ")));
  const service = (phase: string) =>
    rows.filter((row) => String(row[1]).endsWith(phase)).map((row) => row[3] as number);
  // The target never answers sooner than its delay; how soon the means follow a step is the bench's to show.
  assert.ok(Math.min(...service(", τ"), ...service(", 3τ")) >= 20);
});

test("the scale and load benches run", async () => {
  const scale = await benchScale({ counts: [100, 1000], intervalSeconds: 1, seconds: 0.5 });
  assert.equal(scale.tables[0]?.rows.length, 2);
  const load = await benchLoad({ counts: [100], turns: 1 });
  for (const row of load.tables[0]?.rows ?? []) assert.ok((row[4] as number) > 10, String(row));
});

test("the overload bench counts what is due and done, and what is called down", async () => {
  const { tables, remarks = [] } = await benchOverload({
    calibration: RUN,
    factor: 2,
    periodSeconds: 2,
    rateMax: 200,
  });
  const [during = [], after = []] = tables[0]?.rows ?? [];
  assert.ok((during[1] as number) + (after[1] as number) > 0, `due/s: ${during[1]}, then ${after[1]}`);
  assert.match(remarks[0] as string, /^false DOWN: \d+$/);
});

test("a network of its own has a loopback of its own", async () => {
  await using target = await startTarget({ core: TARGET_CORE });
  const script = `{ exec 3<>/dev/tcp/127.0.0.1/${target.ports.ok}; } 2>/dev/null`;
  assert.equal(await runToEnd(["bash", "-c", script]), 0);
  const inside = inOwnNetwork(["bash", "-c", script]);
  if (inside !== undefined) assert.notEqual(await runToEnd(inside), 0);
});
