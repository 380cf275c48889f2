/**
 * What durability costs: the same fleet with its state on disk and in memory, in turn. A tenth of the targets is down or up
 * in turn, so that alerts flow. Prints one line of JSON per run: checks and CPU per second, alerts, the delay from decision
 * to delivery, the time of a commit.   deno run -A bench/durability.ts [rounds] [seconds]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startWebhookSink } from "../mock-servers/sink_webhook.ts";
import { startTargets } from "../mock-servers/targets.ts";
import { sleep } from "./child.ts";
import { startCpra } from "./cpra_run.ts";
import { sumOf } from "./metrics.ts";

const MONITORS = 300;
const FLAPPING = 20;
const INTERVAL_MS = 1000;

const [rounds = "3", seconds = "10"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "cpra-durability-"));
await using targets = await startTargets({
  ports: [0],
  count: MONITORS,
  own: 0,
  ownPort: 0,
  control: 0,
  seed: 1,
});
await using sink = await startWebhookSink();
const code = { notify: "webhook", config: { url: sink.url } };
const manifest = join(folder, "m.jsonl");
writeFileSync(
  manifest,
  Array.from({ length: MONITORS }, (_, index) =>
    JSON.stringify({
      name: `web-${index}`,
      pulse_check: {
        type: "http",
        interval: `${INTERVAL_MS}ms`,
        timeout: "400ms",
        healthy_threshold: 1,
        config: { url: targets.addressOf(index).url },
      },
      codes: { red: code, green: code },
    })).join("\n"),
);
try {
  for (let round = 0; round < Number(rounds); round++) {
    for (const state of ["memory", "disk"]) await measure(state, join(folder, `state-${round}`));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(state: string, path: string): Promise<void> {
  const where = state === "memory" ? state : path;
  await using cpra = await startCpra({ manifest, args: ["--state", where] });
  await sleep(3000);
  const before = await cpra.metrics();
  const flap = async () => {
    for (let turn = 0; turn < Number(seconds); turn++) {
      for (let index = 0; index < FLAPPING; index++) {
        await targets.set(index, turn % 2 === 0 ? { kind: "status", code: 500 } : { kind: "up" });
      }
      await sleep(INTERVAL_MS);
    }
  };
  await flap();
  const after = await cpra.metrics();
  const change = (name: string) => sumOf(after, name) - sumOf(before, name);
  const per = (name: string) => Math.round(change(name) / Number(seconds));
  process.stdout.write(
    JSON.stringify({
      state,
      checksPerSecond: per("cpra_checks_total"),
      cpuUsPerCheck: Math.round(1e6 * change("process_cpu_seconds_total") / change("cpra_checks_total")),
      missed: change("cpra_checks_missed_total"),
      alerts: change("cpra_alert_delay_seconds_count"),
      alertDelayMs: quantiles(before, after, "cpra_alert_delay_seconds"),
      commits: change("cpra_journal_commits_total"),
      commitMs: quantiles(before, after, "cpra_journal_commit_seconds"),
      load: loadavg()[0]?.toFixed(1),
    }) + "\n",
  );
}

/** Upper bounds of the buckets that hold the quantiles, ms. */
function quantiles(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, name: string) {
  const buckets = [...after].flatMap(([series, count]) => {
    const bound = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\}$`).exec(series)?.[1];
    return bound === undefined
      ? []
      : [{ ms: Number(bound) * 1000, count: count - (before.get(series) ?? 0) }];
  });
  const total = buckets.at(-1)?.count ?? 0;
  const at = (share: number) => buckets.find(({ count }) => count >= total * share)?.ms ?? null;
  return total === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
