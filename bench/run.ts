/**
 * `deno task bench [NAME…] [--quick] [--runs N] [--rounds N] [--old DIR]`: measures on this machine, prints tables and writes
 * bench/results/. Without names all sub-tasks run. As root the whole of it runs in a network namespace of its own.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { parseArgs } from "node:util";
import { ROOT } from "./child.ts";
import { describeMachine, loadNow, thisMachine } from "./machine.ts";
import { inOwnNetwork, runToEnd } from "./network.ts";
import { BENCHES, type BenchName, type BenchOptions } from "./benches.ts";
import { type DatedReport, renderText, type Report, writeResults } from "./report.ts";

const INSIDE = "--inside-own-network";

async function main(args: readonly string[]): Promise<number> {
  const inside = args.includes(INSIDE);
  const own = inside
    ? undefined
    : inOwnNetwork([process.execPath, ...process.execArgv, ...reentry(), ...args, INSIDE]);
  if (own !== undefined) return await runToEnd(own);
  const { names, options } = parse(args.filter((each) => each !== INSIDE));
  const { status } = spawnSync("sh", [`${ROOT}compile.sh`], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) return 1;
  const machine = thisMachine();
  const network = inside ? "network namespace of its own" : "loopback of the machine, shared with others";
  process.stdout.write(`${describeMachine(machine)}; ${network}\n\n`);
  const reports: DatedReport[] = [];
  for (const name of names) {
    for (const report of await dated(machine.revision, () => BENCHES[name](options))) {
      process.stdout.write(`${renderText(report)}\n`);
      reports.push(report);
      writeResults(`${ROOT}bench/results`, machine, reports);
    }
  }
  return 0;
}

/** How this program is started again by this runtime. */
function reentry(): readonly string[] {
  const script = new URL(import.meta.url).pathname;
  return "deno" in process.versions ? ["run", "-A", script] : [script];
}

function parse(
  args: readonly string[],
): { readonly names: readonly BenchName[]; readonly options: BenchOptions } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      runs: { type: "string", default: "1" },
      rounds: { type: "string", default: "15" },
      old: { type: "string" },
      peers: { type: "string" },
    },
  });
  const known = Object.keys(BENCHES) as BenchName[];
  const unknown = positionals.filter((each) => !known.includes(each as BenchName));
  if (unknown.length > 0) {
    throw new Error(`no bench is called ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return {
    names: positionals.length === 0 ? known : positionals as BenchName[],
    options: {
      quick: values.quick,
      runs: Number(values.runs),
      rounds: Number(values.rounds),
      old: values.old,
      peers: values.peers?.split(","),
    },
  };
}

async function dated(
  revision: string,
  bench: () => Promise<readonly Report[]>,
): Promise<readonly DatedReport[]> {
  const [at, beganMs, loadBefore] = [new Date().toISOString(), performance.now(), loadNow()];
  const reports = await bench();
  const seconds = (performance.now() - beganMs) / 1000;
  return reports.map((report) => ({ ...report, revision, at, seconds, loadBefore, loadAfter: loadNow() }));
}

process.exit(await main(process.argv.slice(2)));
