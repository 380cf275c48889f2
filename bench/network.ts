/**
 * A network namespace of the bench's own: no connection tracker, no ports left over from others, limits that can be raised.
 * For root on Linux; elsewhere the benches share the machine's loopback and say so.
 */
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";

/** Sockets queue up on purpose; a client may use nearly every port. */
const SETTINGS = {
  "net.core.somaxconn": "65535",
  "net.ipv4.tcp_max_syn_backlog": "65535",
  "net.ipv4.ip_local_port_range": "1024 65535",
} as const;

const SCRIPT = `ip link set lo up || exit 1
${Object.entries(SETTINGS).map(([name, value]) => `sysctl -q -w ${name}="${value}" 2>/dev/null`).join("\n")}
exec "$@"`;

/** The command that runs `command` in a namespace of its own, or undefined when this user or system cannot. */
export function inOwnNetwork(command: readonly string[]): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const probe = spawnSync("unshare", ["--net", "sh", "-c", "ip link set lo up"]);
  return probe.status === 0 ? ["unshare", "--net", "sh", "-c", SCRIPT, "sh", ...command] : undefined;
}

/** Runs it with this process's streams; its exit code, 1 when a signal ended it. */
export function runToEnd(command: readonly string[]): Promise<number> {
  const child = spawn(command[0] as string, command.slice(1), { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
