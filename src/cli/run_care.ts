/** What looks after a run while it goes on: the service manager, the heartbeat, the limits of memory. */
import process from "node:process";
import type { App } from "../app.ts";
import { SYSTEM_CLOCK } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { collectGarbage } from "../host/collect.ts";
import { openNotifySocket } from "../host/notify_socket.ts";
import type { Settings } from "../manifest/settings.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LOOK_MS, MemoryWatch } from "./memory_watch.ts";
import { ServiceManager, takeServiceVariables, type Vitals } from "./service_manager.ts";

export async function openServiceManager(): Promise<ServiceManager> {
  const { socket, watchdogMs } = takeServiceVariables({ ...process.env });
  return new ServiceManager({
    socket: socket === undefined ? undefined : await openNotifySocket(socket),
    watchdogMs,
    monoMs: SYSTEM_CLOCK.monoMs,
  });
}

/** For the watchdog a journal that says why it cannot write is alive: a restart would not empty the disk. */
export function vitalsOf(app: App): Vitals {
  return {
    problems: () => problemsOf(app, ["silent"]),
    status() {
      const down = app.metrics.value("incidentsOpen", []);
      const journal = app.journalCondition === "writing" || app.journalCondition === "none"
        ? ""
        : `, the journal is ${app.journalCondition}`;
      return `${app.world.monitors} monitors, ${down} incidents open${journal}`;
    },
  };
}

/** `journal`: conditions of it that count as one. */
function problemsOf(app: App, journal: readonly string[]): string[] {
  const problems: string[] = [];
  if (journal.includes(app.journalCondition)) problems.push(`the journal is ${app.journalCondition}`);
  const lost = app.engine.alertsUnaccounted;
  if (lost !== 0) problems.push(`${lost} alerts are not accounted for`);
  return problems;
}

export interface CareOptions {
  readonly app: App;
  readonly settings: Settings;
  readonly log: Logger;
  /** Ends the run in order, with the exit code that asks for another start. */
  readonly giveUp: () => void;
}

/** Begins once the engine runs; the answer ends it. */
export function takeCare({ app, settings, log, giveUp }: CareOptions): () => void {
  const { heartbeat, memory: { softBytes, hardBytes } } = settings;
  const beating = heartbeat === null ? undefined : new Heartbeat({
    ...heartbeat,
    log,
    ticks: () => app.engine.ticks,
    problems: () => problemsOf(app, ["failing", "silent"]),
  });
  const watch = new MemoryWatch({
    softBytes,
    hardBytes,
    residentBytes: () => process.memoryUsage.rss(),
    collect: collectGarbage,
    renewWorkers: () => app.engine.renewWorkers(),
    giveUp,
    log,
  });
  const limited = softBytes !== null || hardBytes !== null;
  const timer = limited ? setInterval(() => watch.look(), LOOK_MS) : undefined;
  return () => {
    beating?.stop();
    clearInterval(timer);
  };
}
