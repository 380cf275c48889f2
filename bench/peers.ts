/** cpra beside other monitors: same targets, interval, timeout and count; healthy, 1 % hung, 60 % down. */
import { TARGET_CORE } from "./child.ts";
import { measurePeer, type PeerFigures, type PeerRun } from "./peers/measure.ts";
import type { Peer } from "./peers/peer.ts";
import { PEERS } from "./peers/registry.ts";
import { findProgram } from "./peers/started.ts";
import { type Cell, median, type Report } from "./report.ts";
import { startTarget, type Target } from "./target.ts";

export interface PeersOptions {
  /** Of the report. */
  readonly name: string;
  readonly run: PeerRun;
  /** The median of so many is shown. */
  readonly runs: number;
  /** How often a target is checked while memory is measured, and how long a fleet is watched for that; 0: not measured. */
  readonly slopeSeconds: number;
  /** Parts of names, lower case; undefined: all. */
  readonly only?: readonly string[] | undefined;
  /** Those that can do thousands of checks a second. */
  readonly fastOnly: boolean;
  /** Called as figures come in: this takes minutes. */
  readonly progress?: (line: string) => void;
}

interface Scenario {
  readonly name: string;
  readonly faults: Pick<PeerRun, "hung" | "down" | "mortal">;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "healthy", faults: { mortal: 20 } },
  { name: "1 % hung", faults: { hung: 0.01 } },
  { name: "60 % down", faults: { down: 0.6 } },
];

interface Measured {
  readonly peer: Peer;
  /** By scenario; a list of runs. */
  readonly scenarios: readonly (readonly PeerFigures[])[];
  readonly bytesPerTarget: number;
}

export async function benchPeers(options: PeersOptions): Promise<Report> {
  const { run, runs, only, fastOnly } = options;
  const wanted = PEERS.filter(({ name, fast }) =>
    (fast || !fastOnly) &&
    (only === undefined || only.some((part) => name.toLowerCase().includes(part.toLowerCase())))
  );
  const missing = wanted.filter(({ programs }) =>
    programs.some((program) => findProgram(program) === undefined)
  );
  const present = wanted.filter((peer) => !missing.includes(peer));
  await using target = await startTarget({ core: TARGET_CORE });
  const failures: string[] = [];
  const figures = present.map(() => SCENARIOS.map((): PeerFigures[] => []));
  for (let turn = 0; turn < runs; turn++) {
    for (let scenario = 0; scenario < SCENARIOS.length; scenario++) {
      for (let at = 0; at < present.length; at++) {
        const result = await measureOrSay(present[at] as Peer, SCENARIOS[scenario] as Scenario, {
          options,
          target,
        });
        if (typeof result === "string") failures.push(result);
        else figures[at]?.[scenario]?.push(result);
      }
    }
  }
  const measured: Measured[] = [];
  for (let at = 0; at < present.length; at++) {
    const peer = present[at] as Peer;
    const bytesPerTarget = await slope(peer, { options, target });
    measured.push({ peer, scenarios: figures[at] as PeerFigures[][], bytesPerTarget });
  }
  return {
    name: options.name,
    conditions:
      `${run.targets} http targets every ${run.intervalSeconds} s, timeout ${run.timeoutSeconds} s, ` +
      `one attempt, median of ${runs} run(s) of ${run.seconds} s; each program pinned to one core, targets (${target.made}) to another`,
    tables: tablesOf(measured, run),
    charts: chartsOf(measured),
    remarks: [
      ...missing.map(({ name, programs }) => `${name}: not installed (${programs.join(", ")})`),
      ...failures,
      ...measured.map(({ peer }) => `${peer.name}: ${peer.mode}`),
      "hits ÷ expected counts the targets that are well; those down accept and reset, so that their checks can be counted",
      "detection: 20 targets close their listening socket at once; time to each one's alert or state",
    ],
  };
}

interface Setting {
  readonly options: PeersOptions;
  readonly target: Target;
}

/** The figures, or why there are none. */
async function measureOrSay(
  peer: Peer,
  { name, faults }: Scenario,
  { options, target }: Setting,
): Promise<PeerFigures | string> {
  const run = { ...options.run, ...faults };
  if (run.mortal !== undefined) run.mortal = Math.min(run.mortal, Math.ceil(run.targets / 5));
  try {
    const figures = await measurePeer(peer, run, target);
    options.progress?.(
      `${peer.name}, ${name}: ${figures.cpuUsPerCheck.toFixed(0)} µs/check, ` +
        `hits ÷ expected ${figures.hitsOfExpected.toFixed(3)}`,
    );
    return figures;
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    options.progress?.((error as Error).message);
    return `${name}: ${reason}`;
  }
}

/** Bytes per target between the two sizes of the peer; NaN when it was not measured. */
async function slope(peer: Peer, { options, target }: Setting): Promise<number> {
  const { slopeSeconds } = options;
  if (slopeSeconds === 0) return NaN;
  const [few, many] = peer.slopeCounts;
  const rss: number[] = [];
  for (const targets of [few, many]) {
    const { timeoutSeconds } = options.run;
    const run = { targets, intervalSeconds: slopeSeconds, timeoutSeconds, warmUpSeconds: 2, seconds: 2 };
    try {
      rss.push((await measurePeer(peer, run, target)).rssBytes);
    } catch (error) {
      options.progress?.((error as Error).message);
      return NaN;
    }
  }
  return ((rss[1] as number) - (rss[0] as number)) / (many - few);
}

function tablesOf(measured: readonly Measured[], run: PeerRun): Report["tables"] {
  const cost = SCENARIOS.map(({ name }, scenario) => ({
    title: `${name}: ${run.targets} targets every ${run.intervalSeconds} s`,
    columns: ["program", "CPU µs/check", "÷ cpra", "checks/s", "hits ÷ expected", "RSS MB", "processes"],
    rows: measured.map(({ peer, scenarios }): Cell[] => {
      const of = (figure: (each: PeerFigures) => number) => median((scenarios[scenario] ?? []).map(figure));
      return [
        peer.name,
        of((each) => each.cpuUsPerCheck),
        of((each) => each.cpuUsPerCheck) / cpraCost(measured, scenario),
        of((each) => each.checksPerSecond),
        of((each) => each.hitsOfExpected),
        of((each) => each.rssBytes) / 1e6,
        of((each) => each.processes),
      ];
    }),
  }));
  const times = {
    title: "Start, death, memory",
    columns: [
      "program",
      "first check s",
      "all checked s",
      "detection P50 s",
      "detection max s",
      "÷ interval",
      "bytes/target",
      "between",
    ],
    rows: measured.map(({ peer, scenarios, bytesPerTarget }): Cell[] => {
      const healthy = scenarios[0] ?? [];
      const of = (figure: (each: PeerFigures) => number) => median(healthy.map(figure));
      const worst = of(({ detectionSeconds }) => Math.max(...detectionSeconds));
      return [
        peer.name,
        of((each) => each.firstCheckSeconds),
        of((each) => each.allCheckedSeconds),
        of(({ detectionSeconds }) => median(detectionSeconds)),
        worst,
        worst / run.intervalSeconds,
        bytesPerTarget,
        peer.slopeCounts.join(" and "),
      ];
    }),
  };
  return [...cost, times];
}

function cpraCost(measured: readonly Measured[], scenario: number): number {
  const cpra = measured.find(({ peer }) => peer.name === "cpra");
  return median((cpra?.scenarios[scenario] ?? []).map(({ cpuUsPerCheck }) => cpuUsPerCheck));
}

function chartsOf(measured: readonly Measured[]): NonNullable<Report["charts"]> {
  const bars = (value: (each: Measured) => number) =>
    measured.map((each) => ({ label: each.peer.name, value: value(each) }));
  const healthy = (figure: (each: PeerFigures) => number) => ({ scenarios }: Measured) =>
    median((scenarios[0] ?? []).map(figure));
  return [
    {
      kind: "bars",
      title: "CPU per check",
      unit: "µs",
      logarithmic: true,
      bars: bars(healthy((f) => f.cpuUsPerCheck)),
    },
    {
      kind: "bars",
      title: "Memory per target",
      unit: "bytes",
      logarithmic: true,
      bars: bars((m) => m.bytesPerTarget),
    },
    {
      kind: "bars",
      title: "Detection of a death, worst of 20",
      unit: "s",
      bars: bars(healthy(({ detectionSeconds }) => Math.max(...detectionSeconds))),
    },
  ];
}
