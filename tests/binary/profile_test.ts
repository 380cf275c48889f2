/** The profiles of the real binary, as someone who knows pprof asks for them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startTargets } from "../../mock-servers/targets.ts";
import { RunningBinary, tempFolder } from "../support/binary.ts";
import { decodePprof } from "../telemetry/pprof_decoder.ts";

const withoutGo = spawnSync("go", ["version"]).status !== 0;

test(
  "CPU, heap, threads and ticks of a running cpra, by thread and by function",
  { timeout: 120_000 },
  async () => {
    using folder = tempFolder();
    await using targets = await startTargets({
      ports: [0],
      count: 400,
      own: 0,
      ownPort: 0,
      control: 0,
      seed: 1,
    });
    const monitors = Array.from({ length: 400 }, (_, index) => ({
      name: `web-${index}`,
      pulse_check: { type: "http", interval: "1s", config: { url: targets.addressOf(index).url } },
    }));
    const manifest = join(folder.path, "monitors.json");
    writeFileSync(manifest, JSON.stringify({ monitors }));
    await using cpra = new RunningBinary(["--yaml", manifest, "--pprof.addr", "localhost:0"]);
    await cpra.logged(/Controller started successfully/);
    const base = `${await cpra.url()}/debug/pprof`;
    const bytes = async (path: string) =>
      new Uint8Array(await (await fetch(`${base}/${path}`)).arrayBuffer());

    const cpu = decodePprof(await bytes("profile?seconds=3"));
    const threads = new Set(cpu.samples.map(({ labels }) => labels.thread));
    for (const thread of ["main", "server", "pulse-0"]) {
      assert.ok(threads.has(thread), `${thread} in ${[...threads].join(", ")}`);
    }
    const inPulse = cpu.samples.filter(({ labels }) => labels.thread?.startsWith("pulse-"));
    assert.ok(inPulse.some(({ files }) => files.some((file) => /src\/net\/|src\/probes\//.test(file))));

    const heap = decodePprof(await bytes("heap"));
    assert.ok(heap.samples.some(({ labels }) => labels.thread === "pulse-0"));
    const trace = JSON.parse(new TextDecoder().decode(await bytes("trace?seconds=1")));
    assert.ok(trace.traceEvents.some(({ name }: { name: string }) => name === "schedule"));
    assert.match(await cpra.text("/debug/pprof/threads"), /^thread\t.*\n(?:.*\n)*main\t/);
    if (!withoutGo) {
      const { status, stdout, stderr } = spawnSync(
        "go",
        ["tool", "pprof", "-top", "-tagfocus=thread=main", `${base}/profile?seconds=1`],
        { encoding: "utf8", env: { ...process.env, PPROF_TMPDIR: folder.path } },
      );
      assert.equal(status, 0, stderr);
      assert.match(stdout, /Type: cpu/);
    }
    assert.equal((await cpra.stop()).code, 0);
  },
);

test("--pprof=false leaves all of it out", { timeout: 60_000 }, async () => {
  using folder = tempFolder();
  const manifest = join(folder.path, "monitors.json");
  writeFileSync(manifest, JSON.stringify({ monitors: [] }));
  await using cpra = new RunningBinary(["--yaml", manifest, "--pprof.addr", "localhost:0", "--pprof=false"]);
  const base = await cpra.url();
  for (const path of ["", "profile", "heap", "trace", "threads", "cmdline"]) {
    const answer = await fetch(`${base}/debug/pprof/${path}`);
    assert.equal(answer.status, 404, path);
    await answer.body?.cancel();
  }
});
