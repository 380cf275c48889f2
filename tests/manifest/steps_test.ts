/** `steps:` of an intervention: several things to try in turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { loadText } from "./manifest_folder.ts";

const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
const CHECK = "    pulse_check: {type: tcp, interval: 30s, config: {host: a.example.com, port: 80}}\n";

const loaded = (intervention: string) =>
  loadText(
    `monitors:\n  - name: shop\n${CHECK}    intervention:\n${intervention.replace(/^/gm, "      ")}\n`,
    {
      registries: REGISTRIES,
    },
  );

test("steps are read like single actions, with attempts and a verification of their own", async () => {
  const { monitors: [monitor] } = await loaded(`steps:
  - {action: docker, config: {container: shop}, max_failures: 2, verification: {checks: 5, timeout: 2m}}
  - {type: systemd, target: {unit: shop}, config: {action: restart}, timeout: 30s, retries: 1}
  - {action: page}
idempotent: true`);
  const { remedy } = monitor ?? {};
  assert.equal(remedy?.kind, "docker");
  assert.equal(remedy?.target, "shop");
  assert.equal(remedy?.maxFailures, 3);
  assert.equal(remedy?.idempotent, true);
  assert.deepEqual(
    remedy?.steps?.map((
      { kind, target, attempts, retries, timeoutMs, verificationChecks, verificationTimeoutMs },
    ) => [kind, target, attempts, retries, timeoutMs, verificationChecks, verificationTimeoutMs].join(" ")),
    ["docker shop 2 0 60000 5 120000", "systemd shop.service 1 1 30000  "],
  );
});

test("steps that cannot be are refused where they stand", async () => {
  const refused = (text: string, message: RegExp) => assert.rejects(loaded(text), message);
  await refused("steps: []", /intervention.steps/);
  await refused("steps: [{action: docker, config: {}}]", /intervention.steps\[0\].config: .*container/);
  await refused("steps: [{action: dockre, config: {}}]", /steps\[0\].action: .*did you mean "docker"/);
  await refused("steps: [5]", /steps\[0\]: found .*expected a mapping/);
  await refused("steps: [{action: page}]", /steps\[0\]: page is what follows the last step/);
  const docker = "{action: docker, config: {container: a}}";
  await refused(`steps: [${docker}, {action: page}, ${docker}]`, /steps\[1\]: page is what follows/);
  await refused(
    `action: docker\nsteps: [${docker}]`,
    /intervention.action: action and steps cannot both be given/,
  );
  await refused(`steps: [{action: docker, config: {container: a}, verify: {}}]`, /steps\[0\].verify/);
});
