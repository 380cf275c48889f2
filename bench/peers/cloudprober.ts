/** Cloudprober: one http probe over a list of hosts; what it thinks is read from its metrics. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, freePort, startPeer } from "./started.ts";

export const CLOUDPROBER: Peer = {
  name: "Cloudprober",
  programs: ["cloudprober"],
  mode: "new connection, http client of Go, state by its metrics",
  fast: false,
  slopeCounts: [250, 1000],
  async start(plan) {
    const port = await freePort();
    const config = join(plan.folder, "cloudprober.cfg");
    writeFileSync(config, cloudproberConfig(plan, port));
    return startPeer({
      commands: [[findProgram("cloudprober") as string, `--config_file=${config}`]],
      folder: plan.folder,
      core: plan.core,
      askDown: falling(`http://127.0.0.1:${port}/metrics`),
    });
  },
};

/** Text format of protocol buffers, its native one. */
export function cloudproberConfig(
  { targets, intervalSeconds, timeoutSeconds }: PeerPlan,
  port: number,
): string {
  const endpoints = targets.map(({ index, host, port }) =>
    `    endpoint { name: "t${index}" url: "http://${host}:${port}${CHECK_PATH}" }\n`
  );
  return `port: ${port}
host: "127.0.0.1"
probe {
  name: "targets"
  type: HTTP
  interval: "${intervalSeconds}s"
  timeout: "${timeoutSeconds}s"
  targets {
${endpoints.join("")}  }
  http_probe { keep_alive: false }
}
surfacer { type: PROMETHEUS }
`;
}

/** Down is whose count of successes falls behind its count of checks by more than the last time. */
function falling(url: string): () => Promise<ReadonlySet<number>> {
  const missingBefore = new Map<number, number>();
  const down = new Set<number>();
  return async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer === undefined || !answer.ok) return down;
    const counts = new Map<number, { total: number; success: number }>();
    for (
      const match of (await answer.text()).matchAll(/^(total|success)\{[^}]*dst="t(\d+)"[^}]*\} (\d+)/gm)
    ) {
      const index = Number(match[2]);
      const count = counts.get(index) ?? { total: 0, success: 0 };
      count[match[1] as "total" | "success"] = Number(match[3]);
      counts.set(index, count);
    }
    for (const [index, { total, success }] of counts) {
      if (total - success > (missingBefore.get(index) ?? 0)) down.add(index);
      missingBefore.set(index, total - success);
    }
    return down;
  };
}
