/**
 * A Docker Engine of one's own for tests: dockerd with its socket, data and state in a temporary folder, no bridge and no
 * packet filter rules, and an image made of busybox-static. Needs root, /usr/sbin/dockerd and /bin/busybox (Debian: docker.io,
 * busybox-static). Containers have no network.
 */
import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { callHttp } from "../../src/net/http_client.ts";

const run = promisify(execFile);
const NEVER = new AbortController().signal;
const DOCKERD = "/usr/sbin/dockerd";
const BUSYBOX = "/bin/busybox";
const IMAGE = "cpra-test:1";
const START_MS_MAX = 60_000;

export interface DockerEngine {
  readonly socketPath: string;
  /** Creates and starts a container of the busybox image; gives its full id. */
  runContainer(
    name: string,
    cmd: readonly string[],
    more?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** "running", "exited", …; "missing" when there is no such container. */
  state(name: string): Promise<string>;
  /** One call of the API, answered as parsed JSON; throws on a status above 399. */
  api(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Ends the daemon with TERM, as a package upgrade would; the folder stays until disposal. */
  stopDaemon(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Why the engine cannot be started here, for a skip message; undefined when it can. With CI=true this throws: there
 * the tests that need it must not pass by not running.
 */
export function dockerEngineMissing(): string | undefined {
  const needs: string[] = [];
  if (!existsSync(DOCKERD)) needs.push(`${DOCKERD} (Debian: docker.io)`);
  if (!existsSync(BUSYBOX)) needs.push(`${BUSYBOX} (Debian: busybox-static)`);
  if (process.getuid?.() !== 0) needs.push("root");
  if (needs.length === 0) return undefined;
  const message = `a Docker Engine of its own needs ${needs.join(", ")}`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

export async function startDockerEngine(): Promise<DockerEngine> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-docker-"));
  const socketPath = join(folder, "docker.sock");
  const pidFile = join(folder, "docker.pid");
  const image = await makeImage(folder);
  const log = join(folder, "log");
  const roots = [
    "--data-root",
    join(folder, "data"),
    "--exec-root",
    join(folder, "exec"),
    "--pidfile",
    pidFile,
  ];
  const quiet = [
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--storage-driver=vfs",
    "--shutdown-timeout=2",
  ];
  const words = [DOCKERD, ...quiet, ...roots, "-H", `unix://${socketPath}`];
  // Through a shell for the redirection only: output that nobody reads would stop the daemon.
  const daemon = spawn("/bin/sh", ["-c", 'exec "$@" >"$0" 2>&1', log, ...words], {
    stdio: "ignore",
    detached: true,
  });
  const ended = new Promise<void>((resolve) => daemon.on("exit", () => resolve()));
  let running = true;
  ended.then(() => running = false);

  const api: DockerEngine["api"] = (method, path, body) => callApi(socketPath, { method, path, body });
  const stopDaemon = async () => {
    if (running) daemon.kill("SIGTERM");
    const hard = setTimeout(() => daemon.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(hard);
  };
  const dispose = async () => {
    if (running) await removeContainers(api).catch(() => {});
    await stopDaemon();
    await run("umount", ["-l", join(folder, "exec", "netns", "default")]).catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const giveUp = Date.now() + START_MS_MAX;
    while (
      (await callHttp({ method: "GET", url: "http://docker/_ping", socketPath }, NEVER)).kind === "failure"
    ) {
      if (!running || Date.now() > giveUp) {
        throw new Error(`dockerd did not start:\n${readFileSync(log, "utf8")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await run("docker", ["-H", `unix://${socketPath}`, "import", image, IMAGE]);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    socketPath,
    api,
    async runContainer(name, cmd, more = {}) {
      const body = { Image: IMAGE, Cmd: cmd, HostConfig: { NetworkMode: "none" }, ...more };
      const { Id: id } = await api("POST", `/containers/create?name=${name}`, body) as { Id: string };
      await api("POST", `/containers/${id}/start`);
      return id;
    },
    state: (name) => stateOf(api, name),
    stopDaemon,
    [Symbol.asyncDispose]: dispose,
  };
}

interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function callApi(socketPath: string, { method, path, body }: ApiCall): Promise<unknown> {
  const json = body === undefined
    ? {}
    : { body: JSON.stringify(body), headers: [["Content-Type", "application/json"] as const] };
  const answer = await callHttp({ method, url: `http://docker/v1.41${path}`, socketPath, ...json }, NEVER);
  if (answer.kind === "failure") throw new Error(`${method} ${path}: ${answer.text}`);
  if (answer.status > 399) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  return answer.body === "" ? undefined : JSON.parse(answer.body);
}

async function stateOf(api: DockerEngine["api"], name: string): Promise<string> {
  try {
    return (await api("GET", `/containers/${name}/json`) as { State: { Status: string } }).State.Status;
  } catch (error) {
    if (String(error).includes(" 404 ")) return "missing";
    throw error;
  }
}

/** A tarball with busybox and the names a test's commands use. */
async function makeImage(folder: string): Promise<string> {
  const root = join(folder, "image");
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync(BUSYBOX, join(root, "bin", "busybox"));
  for (const name of ["sh", "sleep", "true", "false", "cat", "httpd"]) {
    symlinkSync("busybox", join(root, "bin", name));
  }
  const tar = join(folder, "image.tar");
  await run("tar", ["-C", root, "-cf", tar, "."]);
  return tar;
}

async function removeContainers(api: DockerEngine["api"]): Promise<void> {
  const all = await api("GET", "/containers/json?all=1") as readonly { Id: string }[];
  await Promise.all(all.map(({ Id: id }) => api("DELETE", `/containers/${id}?force=1`)));
}
