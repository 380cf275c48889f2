/** The sub-tasks of `deno task bench` and their sizes: the full ones, and quick ones to see that all of it works. */
import process from "node:process";
import { benchFleet, type FleetRun } from "./fleet.ts";
import { benchHung } from "./hung.ts";
import { benchLoad } from "./load.ts";
import { benchMicro } from "./micro.ts";
import { benchOverload } from "./overload.ts";
import { benchPeers } from "./peers.ts";
import type { Report } from "./report.ts";
import { benchScale } from "./scale.ts";
import { benchSends } from "./sends.ts";
import { benchSizing } from "./sizing.ts";

export interface BenchOptions {
  readonly quick: boolean;
  /** Of each measurement of a peer; the median is shown. */
  readonly runs: number;
  /** Of the micro benches. */
  readonly rounds: number;
  /** Another checkout for the micro benches. */
  readonly old: string | undefined;
  /** Names of the peers to measure; undefined: all. */
  readonly peers: readonly string[] | undefined;
}

/** 10,000 monitors at 5 s: 2,000 checks a second. */
const FLEET: FleetRun = {
  mode: "http, new connection",
  monitors: 10_000,
  intervalSeconds: 5,
  timeoutSeconds: 2,
  warmUpSeconds: 8,
  seconds: 15,
};
const QUICK_FLEET: FleetRun = {
  ...FLEET,
  monitors: 1000,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  warmUpSeconds: 2,
  seconds: 3,
};

export const BENCHES = {
  micro: one(({ quick, rounds, old }) =>
    benchMicro({ rounds: quick ? 3 : rounds, scale: quick ? 0.05 : 1, old })
  ),
  fleet: one(({ quick }) => {
    const base = quick ? QUICK_FLEET : FLEET;
    const more = quick ? [] : [{ ...base, monitors: 50_000 }];
    return benchFleet({
      runs: [
        base,
        ...more,
        { ...base, mode: "http, keep-alive" },
        { ...base, mode: "tcp connect" },
        { ...base, mode: "icmp" },
      ],
    });
  }),
  hung: one(({ quick }) => benchHung({ run: quick ? QUICK_FLEET : FLEET, turns: quick ? 1 : 2 })),
  sizing: one(({ quick }) =>
    benchSizing({
      checksPerSecond: quick ? 200 : 500,
      serviceMs: 20,
      periodSeconds: quick ? 6 : 40,
      sampleSeconds: quick ? 1 : 2,
    })
  ),
  overload: one(({ quick }) =>
    benchOverload({
      calibration: quick ? QUICK_FLEET : FLEET,
      factor: 2,
      periodSeconds: quick ? 6 : 40,
      rateMax: 60_000,
    })
  ),
  load: one(({ quick }) => benchLoad({ counts: quick ? [1000] : [20_000, 100_000], turns: quick ? 1 : 3 })),
  scale: one(({ quick }) =>
    benchScale({
      counts: quick ? [1000, 5000] : [100_000, 300_000, 1_000_000],
      intervalSeconds: quick ? 3 : 600,
      seconds: quick ? 3 : 20,
    })
  ),
  sends: one(({ quick }) => benchSends({ sends: quick ? 20 : 2000 })),
  peers: one((options) => benchPeers({ ...peerTerms(options, 1000), name: "peers", fastOnly: false })),
  "peers-fast": one((options) =>
    benchPeers({ ...peerTerms(options, 10_000), name: "peers-fast", fastOnly: true, slopeSeconds: 0 })
  ),
} as const satisfies Record<string, (options: BenchOptions) => Promise<readonly Report[]>>;
export type BenchName = keyof typeof BENCHES;

function one(
  bench: (options: BenchOptions) => Promise<Report>,
): (options: BenchOptions) => Promise<readonly Report[]> {
  return async (options) => [await bench(options)];
}

/** 1,000 targets at 5 s are 200 checks a second, which even a program that starts a process per check can do. */
function peerTerms({ quick, runs, peers }: BenchOptions, targets: number) {
  return {
    run: quick
      ? { targets: targets / 20, intervalSeconds: 1, timeoutSeconds: 1, warmUpSeconds: 1, seconds: 3 }
      : { targets, intervalSeconds: 5, timeoutSeconds: 2, warmUpSeconds: 3, seconds: 10 },
    runs,
    slopeSeconds: quick ? 0 : 20,
    only: peers,
    progress: (line: string) => void process.stderr.write(`  ${line}\n`),
  };
}
