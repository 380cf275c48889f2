/** Monit: one process that does one check after the other, then sleeps for the interval. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, startPeer } from "./started.ts";

export const MONIT: Peer = {
  name: "Monit",
  programs: ["monit"],
  mode: "new connection, serial, log file",
  fast: true,
  slopeCounts: [1000, 5000],
  start(plan) {
    const config = join(plan.folder, "monitrc");
    writeFileSync(config, monitrc(plan));
    chmodSync(config, 0o600);
    return Promise.resolve(startPeer({
      commands: [[findProgram("monit") as string, "-I", "-c", config]],
      folder: plan.folder,
      core: plan.core,
      logFile: join(plan.folder, "monit.log"),
      downPattern: /error\s*: 't(\d+)' failed/g,
    }));
  },
};

export function monitrc({ folder, targets, intervalSeconds, timeoutSeconds }: PeerPlan): string {
  const file = (name: string) => join(folder, name);
  return `set daemon ${intervalSeconds}
set log ${file("monit.log")}
set pidfile ${file("monit.pid")}
set idfile ${file("monit.id")}
set statefile ${file("monit.state")}
${
    targets.map(({ index, host, port }) =>
      `check host t${index} with address ${host}
  if failed port ${port} protocol http request "${CHECK_PATH}" with timeout ${timeoutSeconds} seconds then alert
`
    ).join("")
  }`;
}
