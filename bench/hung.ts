/** What 1 % of hung targets cost the others: the same fleet with none and with 1 %, in turns. */
import { TARGET_CORE } from "./child.ts";
import { type FleetFigures, type FleetRun, runFleet } from "./fleet.ts";
import { median, type Report } from "./report.ts";
import { startTarget } from "./target.ts";

export interface HungOptions {
  readonly run: FleetRun;
  /** Turns of each. */
  readonly turns: number;
}

export async function benchHung({ run, turns }: HungOptions): Promise<Report> {
  await using target = await startTarget({ core: TARGET_CORE });
  const hung = Math.max(1, Math.round(run.monitors / 100));
  const without: FleetFigures[] = [];
  const withHung: FleetFigures[] = [];
  for (let turn = 0; turn < turns; turn++) {
    without.push(await runFleet({ ...run, hung: 0 }, target));
    withHung.push(await runFleet({ ...run, hung }, target));
  }
  const of = (all: readonly FleetFigures[], figure: (each: FleetFigures) => number) =>
    median(all.map(figure));
  const row = (name: string, monitors: number, all: readonly FleetFigures[]) => [
    name,
    of(all, ({ passed, seconds }) => passed / seconds),
    of(all, ({ passed, seconds }) => passed / seconds) / (monitors / run.intervalSeconds),
    of(all, ({ failed }) => failed),
    of(all, ({ local }) => local),
    of(all, ({ cpuUsPerCheck }) => cpuUsPerCheck),
    of(all, ({ lagMs }) => lagMs[2]),
    of(all, ({ slots }) => slots),
  ];
  const rows = [
    row("0 % hung", run.monitors, without),
    row(`1 % hung (${hung})`, run.monitors - hung, withHung),
  ];
  const lossPercent = (1 - (rows[1]?.[2] as number) / (rows[0]?.[2] as number)) * 100;
  return {
    name: "hung",
    conditions: `${run.mode}, ${run.monitors} monitors every ${run.intervalSeconds} s, timeout ` +
      `${run.timeoutSeconds} s, median of ${turns} turns of ${run.seconds} s; cpra and targets (${target.made}) on different cores`,
    tables: [{
      title: "1 % hung targets against none",
      columns: ["fleet", "passed/s", "÷ expected", "failed", "local", "CPU µs/check", "lag P99 ms", "slots"],
      rows,
    }],
    remarks: [`throughput of the healthy targets lost to the hung ones: ${lossPercent.toFixed(2)} %`],
  };
}
