/**
 * A systemd of one's own for tests: a user instance in a mount namespace with its own /run, which starts its message bus. Its
 * runtime folder with the bus's socket is a temporary one that tests reach. Needs root, /lib/systemd/systemd, dbus-daemon and unshare (Debian: systemd,
 * dbus, util-linux).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openManager } from "../../src/net/systemd.ts";

const SYSTEMD = "/lib/systemd/systemd";
const DBUS = "/usr/bin/dbus-daemon";
const UNSHARE = "/usr/bin/unshare";
const START_MS_MAX = 30_000;

export interface SystemdInstance extends AsyncDisposable {
  /** The bus's socket. */
  readonly socket: string;
  /** A folder that its units may write to. */
  readonly folder: string;
}

/** systemd joins the bus that it has started itself. */
const BUS_UNITS = {
  "dbus.socket": "[Socket]\nListenStream=%t/bus\n",
  "dbus.service": `[Unit]
Requires=dbus.socket
[Service]
Type=notify
ExecStart=${DBUS} --session --address=systemd: --nofork --nopidfile --systemd-activation
`,
  "basic.target": "[Unit]\nWants=dbus.socket\nAfter=dbus.socket\n",
};

/** Why it cannot be started here, for a skip message; undefined when it can. With CI=true this throws. */
export function systemdMissing(): string | undefined {
  const needs = [SYSTEMD, DBUS, UNSHARE].filter((path) => !existsSync(path));
  if (process.getuid?.() !== 0) needs.push("root");
  if (needs.length === 0) return undefined;
  const message = `a systemd of its own needs ${needs.join(", ")} (Debian: systemd, dbus)`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

/** `units`: file name → text; "{folder}" in it is the instance's folder. */
export async function startSystemd(units: Readonly<Record<string, string>>): Promise<SystemdInstance> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-systemd-"));
  const socket = join(folder, "bus");
  const log = join(folder, "log");
  const unitFolder = join(folder, "systemd/user");
  mkdirSync(unitFolder, { recursive: true });
  for (const [name, text] of Object.entries({ ...BUS_UNITS, ...units })) {
    writeFileSync(join(unitFolder, name), text.replaceAll("{folder}", folder));
  }
  const script = `
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
unset DBUS_SESSION_BUS_ADDRESS
export XDG_RUNTIME_DIR=${folder} HOME=${folder}
exec ${SYSTEMD} --user --log-target=console
`;
  const child = spawn("/bin/sh", ["-c", `exec ${UNSHARE} -m /bin/sh -c "$1" >"$2" 2>&1`, "sh", script, log], {
    stdio: "ignore",
    detached: true,
  });
  const dispose = async () => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const giveUpMs = Date.now() + START_MS_MAX;
  while (!await answers(socket)) {
    if (child.exitCode !== null || Date.now() > giveUpMs) {
      const said = readFileSync(log, "utf8");
      await dispose();
      throw new Error(`systemd did not start:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { socket, folder, [Symbol.asyncDispose]: dispose };
}

async function answers(socket: string): Promise<boolean> {
  const manager = await openManager({ bus: "user", socket }, AbortSignal.timeout(2000));
  if (!manager.ok) return false;
  const unit = await manager.value.unit("basic.target");
  manager.value.close();
  return unit.ok && unit.value.active === "active";
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  child.kill("SIGTERM");
  const { pid } = child;
  const hard = setTimeout(() => process.kill(-pid, "SIGKILL"), 10_000);
  await ended;
  clearTimeout(hard);
}
