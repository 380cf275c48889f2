/** Checks that look at other monitors: who is looked at exists, and nobody looks at himself, however far around. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { loadText } from "./manifest_folder.ts";

const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };

const web = (name: string, more = "") =>
  `  - {name: ${name}, ${more}pulse_check: {type: tcp, interval: 30s, config: {host: a.example.com, port: 80}}}\n`;
const group = (name: string, ...names: string[]) =>
  `  - {name: ${name}, pulse_check: {type: group, interval: 30s, config: {monitors: [${
    names.join(", ")
  }]}}}\n`;
const loaded = (...entries: string[]) =>
  loadText(`monitors:\n${entries.join("")}`, { registries: REGISTRIES });

test("a group may come before or after its monitors, and look at another group", async () => {
  const { monitors } = await loaded(
    group("all", "some", "c"),
    group("some", "a", "b"),
    web("a"),
    web("b"),
    web("c"),
  );
  assert.deepEqual(monitors.map(({ watches }) => watches), [
    ["some", "c"],
    ["a", "b"],
    undefined,
    undefined,
    undefined,
  ]);
});

test("a monitor that does not exist, itself, and circles are refused", async () => {
  await assert.rejects(
    loaded(group("all", "a", "nobody"), web("a")),
    /"all": pulse_check: no monitor is called "nobody"/,
  );
  await assert.rejects(loaded(group("all", "all")), /"all": pulse_check: a monitor cannot look at itself/);
  await assert.rejects(loaded(group("x", "y"), group("y", "x")), /in a circle: "x" → "y" → "x"/);
  // Its alerts would be held back while the group is down because of it.
  await assert.rejects(loaded(group("x", "a"), web("a", "depends_on: [x], ")), /in a circle/);
});
