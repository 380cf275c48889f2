/** HAProxy: the health checks of one backend; nothing is proxied. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, startPeer } from "./started.ts";

export const HAPROXY: Peer = {
  name: "HAProxy",
  programs: ["haproxy"],
  mode: "new connection, one thread, server state on stderr",
  fast: true,
  slopeCounts: [1000, 5000],
  start(plan) {
    const config = join(plan.folder, "haproxy.cfg");
    writeFileSync(config, haproxyConfig(plan));
    return Promise.resolve(startPeer({
      commands: [[findProgram("haproxy") as string, "-db", "-f", config]],
      folder: plan.folder,
      core: plan.core,
      downPattern: /Server targets\/t(\d+) is DOWN/g,
    }));
  },
};

export function haproxyConfig({ folder, targets, intervalSeconds, timeoutSeconds }: PeerPlan): string {
  return `global
  nbthread 1
  maxconn 100
defaults
  mode http
  timeout connect ${timeoutSeconds}s
  timeout check ${timeoutSeconds}s
  timeout client ${timeoutSeconds}s
  timeout server ${timeoutSeconds}s
frontend unused
  bind unix@${join(folder, "unused.sock")}
  default_backend targets
backend targets
  option httpchk GET ${CHECK_PATH}
  default-server check inter ${intervalSeconds}s fall 1 rise 1
${targets.map(({ index, host, port }) => `  server t${index} ${host}:${port}\n`).join("")}`;
}
