/** Gatus: a Go service with a list of endpoints; its alerts go to a web hook of the bench. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, freePort, startPeer } from "./started.ts";

export const GATUS: Peer = {
  name: "Gatus",
  programs: ["gatus"],
  mode: "http client of Go, state by its API",
  fast: false,
  slopeCounts: [20, 60],
  async start(plan) {
    const port = await freePort();
    const config = join(plan.folder, "gatus.yaml");
    writeFileSync(config, gatusConfig(plan, port));
    return startPeer({
      commands: [["env", `GATUS_CONFIG_PATH=${config}`, findProgram("gatus") as string]],
      folder: plan.folder,
      core: plan.core,
      askDown: () => failing(`http://127.0.0.1:${port}/api/v1/endpoints/statuses?pageSize=100000`),
    });
  },
};

export function gatusConfig({ targets, intervalSeconds, timeoutSeconds }: PeerPlan, port: number): string {
  return JSON.stringify({
    web: { address: "127.0.0.1", port },
    "disable-monitoring-lock": true,
    concurrency: 0,
    endpoints: targets.map(({ index, host, port }) => ({
      name: `t${index}`,
      url: `http://${host}:${port}${CHECK_PATH}`,
      interval: `${intervalSeconds}s`,
      client: { timeout: `${timeoutSeconds}s` },
      conditions: ["[STATUS] == 200"],
    })),
  });
}

interface EndpointStatus {
  readonly name: string;
  readonly results: readonly { readonly success: boolean }[];
}

/** Empty while it does not answer yet. */
async function failing(url: string): Promise<ReadonlySet<number>> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
  if (answer === undefined || !answer.ok) return new Set();
  const statuses = await answer.json() as readonly EndpointStatus[];
  return new Set(
    statuses.filter(({ results }) => results.at(-1)?.success === false).map(({ name }) =>
      Number(name.slice(1))
    ),
  );
}
