import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createFleetLoad } from "../../src/cli/fleet_load.ts";
import { type PlanInput, planReport, renderPlan } from "../../src/cli/plan.ts";
import { runPlan } from "../../src/cli/run_plan.ts";
import { resolveSettings, type SettingsLayer } from "../../src/manifest/settings.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { fleetMonitor } from "../world/fleet.ts";

const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
const MACHINE = { cores: 4, descriptors: 20_000 };

/** A fleet of http monitors with interval 10 to 60 s, each with a remedy and one red channel. */
function plan(monitors: number, changes: Partial<PlanInput> & { readonly set?: SettingsLayer } = {}) {
  const fleet = createFleetLoad(REGISTRIES);
  for (let index = 0; index < monitors; index++) fleet.add(fleetMonitor(index));
  const { settings } = resolveSettings([changes.set ?? {}], { cores: MACHINE.cores });
  return planReport({
    fleet,
    settings,
    machine: MACHINE,
    channels: 1,
    arenaBytes: monitors * 20,
    ...changes,
  });
}

test("arrival rates follow from intervals, and repairs and alerts from the stated assumption", () => {
  const report = plan(60_000);
  const [pulse, intervention, code] = report.pipelines;
  const checksPerSecond = 10_000 * (1 / 10 + 1 / 20 + 1 / 30 + 1 / 40 + 1 / 50 + 1 / 60);
  assert.ok(Math.abs((pulse?.arrivalsPerSecond ?? 0) - checksPerSecond) < 1e-6);
  assert.equal(report.assumed.changing, 0.01);
  // 60,000 monitors, 1 % of them within 300 s, one repair and one message each.
  assert.ok(Math.abs((intervention?.arrivalsPerSecond ?? 0) - 2) < 1e-9);
  assert.ok(Math.abs((code?.arrivalsPerSecond ?? 0) - 2) < 1e-9);
  assert.equal(report.feasible, true);
  for (const pipeline of report.pipelines) {
    assert.ok(pipeline.slots > pipeline.offeredErlangs, pipeline.pipeline);
    assert.ok((pipeline.waitMs.p95 ?? Infinity) <= pipeline.sloMs, pipeline.pipeline);
  }
});

test("memory counts every row and text, and a fleet stays within 100 bytes a monitor", () => {
  const { memory } = plan(50_000);
  assert.ok(memory.bytesPerMonitor > 80 && memory.bytesPerMonitor <= 100, String(memory.bytesPerMonitor));
  assert.equal(memory.totalBytes, memory.rowBytes + memory.textBytes + memory.processBytes);
});

test("what cannot be met is refused with the limit and how to raise it", () => {
  const slots = plan(100_000, { set: { pulse: { max_slots: 50 } } });
  assert.equal(slots.feasible, false);
  assert.match(
    slots.refusals.join("\n"),
    /^pulse: slots: with headroom, the load of \S+ erlangs needs .* raise max_slots \(now 50\)$/m,
  );
  assert.equal(slots.pipelines[0]?.waitMs.p95, null);

  const files = plan(100_000, { machine: { cores: 4, descriptors: 300 } });
  const needed = files.descriptors.needed;
  assert.ok(needed > 300);
  const grouped = String(needed).replace(/\B(?=(\d{3})+$)/g, ",");
  assert.deepEqual(files.refusals, [
    `${grouped} open files are needed, 300 are allowed; raise the limit (ulimit -n ${needed}, or LimitNOFILE=${needed})`,
  ]);

  const many = plan(1001, { set: { max_monitors: 1000 } });
  assert.deepEqual(many.refusals, ["1,001 monitors are more than max_monitors allows; raise it (now 1,000)"]);
});

test("a manifest without monitors needs next to nothing", () => {
  const report = plan(0);
  assert.equal(report.feasible, true);
  assert.deepEqual(report.pipelines.map(({ slots, workers }) => [slots, workers]), [
    [64, 1],
    [4, 1],
    [16, 1],
    [64, 1],
  ]);
  assert.match(renderPlan(report), /^Plan for 0 monitors\n/);
});

test("the text for a person names every pipeline, memory, files and the verdict", () => {
  const text = renderPlan(plan(60_000));
  for (
    const line of [
      /^Plan for 60,000 monitors \(http 60,000\)$/m,
      /^pipeline +jobs\/s +service +erlangs +slots +workers +wait P50 +P95 +P99 +SLO P95$/m,
      /^pulse +2450 +\S+ +\S+ +\d+ +\d+ +\S+ +\S+ +\S+ +100ms$/m,
      /^intervention +2 /m,
      /^code +2 /m,
      /1 % of the fleet changes its state within 5m/,
      /^Memory: about \S+ MB: rows and texts \S+ MB \(8\d bytes a monitor\)/m,
      /^Open files: \d+ needed \(256 for the process, 1 a check in flight\), 20,000 allowed$/m,
      /^This machine can run it\.$/m,
    ]
  ) assert.match(text, line);
  const refused = renderPlan(plan(100_000, { set: { max_slots: 50 } }));
  assert.match(refused, /unbounded/);
  assert.match(refused, /This machine cannot run it:\n {2}pulse: slots: /);
});

test("cpra plan reads a manifest, prints text or JSON, and its exit code is the verdict", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cpra-plan-"));
  try {
    const file = join(directory, "monitors.yaml");
    const monitor = (index: number, enabled: boolean) =>
      `  - name: web-${index}\n    enabled: ${enabled}\n    pulse_check: {type: tcp, interval: 10s, config: {host: 127.0.0.1, port: 80}}\n`;
    await writeFile(file, `monitors:\n${monitor(1, true)}${monitor(2, true)}${monitor(3, false)}`);
    const run = async (output: "text" | "json", configured: SettingsLayer) => {
      const out: string[] = [];
      const err: string[] = [];
      const io = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text) };
      const request = {
        files: [file],
        output,
        configured,
        registries: REGISTRIES,
        env: {},
        machine: MACHINE,
      };
      return { code: await runPlan(request, io), out: out.join("\n"), err: err.join("\n") };
    };
    const text = await run("text", {});
    assert.deepEqual([text.code, text.err], [0, ""]);
    assert.match(text.out, /^Plan for 2 monitors \(tcp 2\)\n/);
    const json = await run("json", { max_monitors: 1 });
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.out).feasible, false);
    await writeFile(file, "monitors: 7\n");
    const broken = await run("text", {});
    assert.equal(broken.code, 1);
    assert.match(broken.err, /monitors\.yaml:1/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
