/** A real Prometheus Alertmanager from Debian, on a port of its own, that tells a web hook of ours. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callHttp } from "../../src/net/http_client.ts";

const PROGRAM = "/usr/bin/prometheus-alertmanager";

export const ALERTMANAGER_MISSING: string | false = (() => {
  try {
    accessSync(PROGRAM, constants.X_OK);
    return false;
  } catch {
    return `needs ${PROGRAM} (Debian's prometheus-alertmanager)`;
  }
})();

export interface RealAlertmanager extends AsyncDisposable {
  readonly url: string;
  /** GET of the API, parsed. */
  get(path: string): Promise<unknown>;
}

export async function startAlertmanager(hookUrl: string): Promise<RealAlertmanager> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-alertmanager-"));
  const config = join(folder, "alertmanager.yml");
  writeFileSync(
    config,
    `route: {receiver: hook, group_by: [alertname, monitor, severity], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: hook
    webhook_configs: [{url: "${hookUrl}", send_resolved: true}]
`,
  );
  const port = await freePort();
  const child = spawn(PROGRAM, [
    `--config.file=${config}`,
    `--storage.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--cluster.listen-address=",
  ], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string) => {
    const answer = await callHttp({ method: "GET", url: `${url}${path}` }, AbortSignal.timeout(5000));
    if (answer.kind === "failure" || answer.status !== 200) {
      throw new Error(`GET ${path}: ${JSON.stringify(answer)}`);
    }
    return JSON.parse(answer.body) as unknown;
  };
  const running = {
    url,
    get,
    [Symbol.asyncDispose]: async () => {
      await stopped(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await get("/api/v2/status");
      return running;
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null) {
        await running[Symbol.asyncDispose]();
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}
