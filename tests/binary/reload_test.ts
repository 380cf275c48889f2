/** Reloads of the executable: by signal, by the API and by the verb, good and bad manifests, while checks run. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startTargets } from "../../mock-servers/targets.ts";
import { eventually, RunningBinary, tempFolder } from "../support/binary.ts";

const TOKEN = "the-token-of-the-tests";

interface Monitor {
  readonly name: string;
  readonly url: string;
  readonly interval?: string;
}

function manifestOf(monitors: readonly Monitor[], settings: Record<string, unknown> = {}): string {
  const entries = monitors.map(({ name, url, interval = "500ms" }) => ({
    name,
    pulse_check: { type: "http", interval, timeout: "400ms", config: { url } },
  }));
  return JSON.stringify({ settings: { token: TOKEN, ...settings }, monitors: entries }, null, 1);
}

interface Summary {
  readonly name: string;
  readonly state: string;
  readonly since: string;
}

test("reloads change what differs; bad manifests and large deletions change nothing", async () => {
  using folder = tempFolder();
  await using targets = await startTargets({
    ports: [0],
    count: 40,
    own: 2,
    ownPort: 0,
    control: 0,
    seed: 1,
  });
  const manifest = join(folder.path, "monitors.json");
  const write = (monitors: readonly Monitor[], settings = {}) =>
    writeFileSync(manifest, manifestOf(monitors, settings));
  const fleet = Array.from({ length: 20 }, (_, index) => {
    return { name: `web-${index}`, url: targets.addressOf(index).url };
  });
  write(fleet);
  await using cpra = new RunningBinary(["--yaml", manifest, "--pprof.addr", "localhost:0"]);
  await cpra.logged(/Controller started successfully/);
  const monitors = async () =>
    (await cpra.json<{ monitors: Summary[] }>("/api/v1/monitors?limit=100")).monitors;
  const allUp = (count: number) =>
    eventually(async () => {
      const all = await monitors();
      return all.length === count && all.every(({ state }) => state === "up") ? all : undefined;
    }, `${count} monitors up`);
  const before = await allUp(20);

  // By signal: one more, one changed, one gone.
  const next = [...fleet.slice(1, 19), { ...fleet[19] as Monitor, interval: "300ms" }, {
    name: "new",
    url: targets.addressOf(30).url,
  }];
  write(next);
  cpra.kill("SIGHUP");
  await cpra.logged(/Reload completed in .* monitors=20 added=1 changed=1 removed=1/);
  const after = await allUp(20);
  for (const { name, since } of after) {
    const known = before.find((each) => each.name === name);
    if (known !== undefined) assert.equal(since, known.since, `${name} keeps its state`);
  }

  // A fault in the manifest: nothing changes, and both ways of asking say where it is.
  writeFileSync(manifest, manifestOf(next).replace('"400ms"', '"soon"'));
  const env = { CPRA_TOKEN: TOKEN };
  const endpoint = await cpra.url();
  const reload = async (env: Record<string, string>, ...args: string[]) => {
    await using verb = new RunningBinary(["reload", ...args, "--endpoint", endpoint], { env });
    return await verb.ended;
  };
  const refused = await reload(env);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /monitors\.json:\d+:\d+: error: monitor "web-1": pulse_check\.timeout/);
  assert.match(refused.err, /the old manifest keeps running/);
  await cpra.logged(/\[ERROR\] \S*monitors\.json:\d+:\d+: error: monitor "web-1"/);
  assert.equal((await monitors()).length, 20);

  // A slip of the hand.
  write(next.slice(0, 10), { min_slots: 70 });
  const large = await reload(env);
  assert.equal(large.code, 1);
  assert.match(large.err, /10 of 20 monitors would go \(more than 10 %\)/);
  assert.equal((await monitors()).length, 20);
  const forced = await reload(env, "--force");
  assert.equal(forced.code, 0, forced.err);
  assert.match(forced.out, /Reloaded: 10 monitors \(0 added, 0 changed, 10 removed\)/);
  assert.match(forced.err, /The setting pipelines takes effect with a restart/);
  await allUp(10);

  // Without the token nothing happens.
  const unknown = await reload({ CPRA_TOKEN: "another-token-that-is-long" });
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /A token is needed/);

  // Two dozen in a row, each second one bad, with signals that overtake each other.
  for (let round = 0; round < 24; round++) {
    if (round % 2 === 0) write(fleet.slice(round % 3, 18 + round % 3));
    else writeFileSync(manifest, "monitors: [");
    cpra.kill("SIGHUP");
    cpra.kill("SIGHUP");
    if (round % 5 === 0) await cpra.text("/metrics");
  }
  write(fleet);
  await eventually(async () => {
    await fetch(`${await cpra.url()}/-/reload`, {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    return (await monitors()).length === 20 || undefined;
  }, "the last manifest runs");
  await allUp(20);
  const ended = await cpra.stop();
  assert.equal(ended.code, 0, ended.err);
  assert.match(ended.err, /nothing was left undone/);
  assert.doesNotMatch(ended.err, new RegExp(TOKEN));
});
