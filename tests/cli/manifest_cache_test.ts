import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFleetLoad } from "../../src/cli/fleet_load.ts";
import { type CachedManifest, createManifestCache } from "../../src/cli/manifest_cache.ts";
import { streamManifests } from "../../src/manifest/load.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { FAKE_REGISTRIES } from "../manifest/fake_registries.ts";
import { type ManifestFolder, manifestFolder } from "../manifest/manifest_folder.ts";

const FLAGS = { strict: false, lenient: false, allowMissing: false };
const CAPACITY = 2048;

function manifest(count: number): string {
  const entry = (index: number) =>
    `  - name: m${index}\n    pulse_check: {type: tcp, interval: 5s, config: {host: "h-\${ZONE}", port: ${
      1 + index
    }}}\n` +
    `    codes: {red: {notify: pagerduty, config: {routing_key_file: key.txt}}}\n`;
  return `settings: {max_monitors: ${CAPACITY}}\nmonitors:\n${
    Array.from({ length: count }, (_, index) => entry(index)).join("")
  }`;
}

interface Setting extends Disposable {
  readonly files: ManifestFolder;
  readonly state: string;
  readonly env: Record<string, string>;
  /** Whether it was kept. */
  load(): Promise<boolean>;
  find(): Promise<CachedManifest | string | undefined>;
}

function setting(): Setting {
  const files = manifestFolder({ "a.yaml": manifest(300), "key.txt": `${"k".repeat(32)}\n` });
  // As if written a while ago: what was changed a moment before a load is not kept.
  const state = join(files.path, "state");
  const env: Record<string, string> = { ZONE: "eu" };
  const request = () => ({ sources: [join(files.path, "a.yaml")], env, flags: FLAGS });
  return {
    files,
    state,
    env,
    async load() {
      await settled();
      const keep = await createManifestCache(state).begin(request());
      const world = createWorld({ capacity: CAPACITY });
      const fleet = createFleetLoad(FAKE_REGISTRIES);
      const result = await streamManifests(
        request().sources,
        { registries: FAKE_REGISTRIES, env },
        (monitor) => {
          world.add(monitor);
          fleet.add(monitor);
        },
      );
      return await keep({ result, fleet: fleet.save(), world });
    },
    find: () => createManifestCache(state).find(request()),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

/** The time after which a file counts as written before the load. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 120));
}

function found(cached: CachedManifest | string | undefined): CachedManifest {
  assert.ok(typeof cached === "object", String(cached));
  return cached;
}

function names(world: World): string[] {
  return Array.from({ length: world.count }, (_, row) => `${world.name(row)} ${world.target(row)}`);
}

test("a second start finds what the first load gave: monitors, settings, counts", async () => {
  using s = setting();
  assert.equal(await s.find(), undefined);
  assert.equal(await s.load(), true);
  const cached = found(await s.find());
  assert.equal(cached.result.settings.max_monitors, CAPACITY);
  assert.deepEqual(cached.result.used.variables, ["ZONE"]);
  const world = createWorld({ capacity: CAPACITY });
  assert.equal(cached.fill(world), true);
  cached.close();
  assert.equal(world.count, 300);
  assert.equal(names(world)[299], "m299 h-eu:300");
  assert.deepEqual(world.channels[0]?.config, {
    url: "https://events.pagerduty.com/v2/enqueue",
    routing_key: "k".repeat(32),
  });
  const fleet = createFleetLoad(FAKE_REGISTRIES);
  fleet.restore(cached.fleet);
  assert.deepEqual([fleet.monitors, [...fleet.kinds]], [300, [["tcp", 300]]]);
});

test("another content, variable, secret, flag or list of files is a miss; a new time with the same content is none", async () => {
  using s = setting();
  await s.load();
  const path = join(s.files.path, "a.yaml");
  utimesSync(path, 1, 1);
  found(await s.find()).close();
  s.env.ZONE = "us";
  assert.match(String(await s.find()), /are others/);
  s.env.ZONE = "eu";
  writeFileSync(join(s.files.path, "key.txt"), "j".repeat(32));
  assert.match(String(await s.find()), /are others/);
  writeFileSync(join(s.files.path, "key.txt"), `${"k".repeat(32)}\n`);
  found(await s.find()).close();
  writeFileSync(path, manifest(300).replace("name: m7\n", "name: m8x\n"));
  assert.match(String(await s.find()), /are others/);
  writeFileSync(path, manifest(300));
  found(await s.find()).close();
  const request = { sources: [path], env: s.env, flags: { ...FLAGS, lenient: true } };
  assert.match(String(await createManifestCache(s.state).find(request)), /are others/);
});

test("the file is for its owner alone, and refused when others can read it", async () => {
  using s = setting();
  await s.load();
  const path = join(s.state, "manifest.cache");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o640);
  assert.match(String(await s.find()), /read by others/);
});

test("a damaged file leaves the world empty, wherever the damage is", async () => {
  using s = setting();
  await s.load();
  const path = join(s.state, "manifest.cache");
  const good = readFileSync(path);
  for (const at of [0, 9, 13, 20, 60, 400, good.length - 2000, good.length - 1]) {
    const bad = Uint8Array.from(good);
    bad[at] = (bad[at] as number) ^ 0x55;
    writeFileSync(path, bad);
    const cached = await s.find();
    if (typeof cached !== "object") continue;
    const world = createWorld({ capacity: CAPACITY });
    assert.equal(cached.fill(world), false, `byte ${at}`);
    cached.close();
    assert.equal(world.count, 0);
  }
  writeFileSync(path, good.subarray(0, good.length - 100));
  const cut = found(await s.find());
  assert.equal(cut.fill(createWorld({ capacity: CAPACITY })), false);
  cut.close();
});

test("a manifest that changes while it is loaded is not kept", async () => {
  using s = setting();
  await settled();
  const path = join(s.files.path, "a.yaml");
  const keep = await createManifestCache(s.state).begin({ sources: [path], env: s.env, flags: FLAGS });
  const world = createWorld({ capacity: CAPACITY });
  const result = await streamManifests(
    [path],
    { registries: FAKE_REGISTRIES, env: s.env },
    (monitor) => void world.add(monitor),
  );
  writeFileSync(path, manifest(299));
  assert.equal(await keep({ result, fleet: createFleetLoad(FAKE_REGISTRIES).save(), world }), false);
  assert.equal(await s.find(), undefined);
});
