import assert from "node:assert/strict";
import { test } from "node:test";
import { createFleetLoad, type FleetLoad } from "../../src/cli/fleet_load.ts";
import { LANES } from "../../src/lanes/lane.ts";
import { resolveSettings } from "../../src/manifest/settings.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { TCP } from "../../src/probes/tcp.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { rowsOf } from "../support/monitor_rows.ts";
import { fleetMonitor } from "../world/fleet.ts";

const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
const { settings } = resolveSettings([{}], { cores: 2 });

const TCP_SHARED = TCP.split(TCP.schema.parse({ host: "192.0.2.1", port: 80 })).shared;

/** Every third is a script, which no raw engine runs. */
const FLEET: readonly MonitorSpec[] = Array.from({ length: 6000 }, (_, index) => {
  const monitor = fleetMonitor(index);
  const probe = index % 3 === 0
    ? { kind: "script", target: `/usr/bin/check-${index}`, config: { args: [] } }
    : { kind: "tcp", target: `192.0.2.${index % 250}:80`, config: TCP_SHARED };
  return { ...monitor, intervalMs: 10_000, probe };
});

function assertSame(left: FleetLoad, right: FleetLoad): void {
  assert.equal(left.monitors, right.monitors);
  for (const raw of [true, false]) {
    const [a, b] = [left.priors(settings, raw), right.priors(settings, raw)];
    for (const lane of LANES) {
      for (const key of ["arrivalsPerSecond", "serviceMs", "cpuMs"] as const) {
        assert.ok(Math.abs(a[lane][key] - b[lane][key]) < 1e-6 * (1 + a[lane][key]), `${lane} ${key} ${raw}`);
      }
    }
  }
}

test("rows of a loader thread ask for the same as their monitors one by one: raw checks are the pulse lane's", () => {
  const [one, many] = [createFleetLoad(REGISTRIES), createFleetLoad(REGISTRIES)];
  for (const monitor of FLEET) one.add(monitor);
  many.addRows(rowsOf(FLEET), FLEET.length);
  assertSame(one, many);
  const { pulse, hosted } = many.priors(settings, true);
  assert.ok(
    Math.abs(pulse.arrivalsPerSecond - 400) < 1e-6 && Math.abs(hosted.arrivalsPerSecond - 200) < 1e-6,
  );
});

test("what a fleet asks for survives being kept with its compiled manifest", () => {
  const [kept, found] = [createFleetLoad(REGISTRIES), createFleetLoad(REGISTRIES)];
  for (const monitor of FLEET) kept.add(monitor);
  found.restore(JSON.parse(JSON.stringify(kept.save())));
  assertSame(kept, found);
});
