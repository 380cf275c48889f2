/**
 * An OpenSSH server of one's own for tests, on a free port of the loopback, with keys made here; it lets in the user that
 * runs the test. Needs root, /usr/sbin/sshd and ssh-keygen (Debian: openssh-server, openssh-client).
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SSHD = "/usr/sbin/sshd";
const SSH = "/usr/bin/ssh";
const KEYGEN = "/usr/bin/ssh-keygen";
const START_MS_MAX = 10_000;

export interface Sshd extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** Of the user's key, the known hosts with this server's key, and a key that is not let in. */
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly strangerFile: string;
  readonly folder: string;
}

/** Why it cannot be started here, for a skip message; undefined when it can. With CI=true this throws. */
export function sshdMissing(): string | undefined {
  const needs = [SSHD, SSH, KEYGEN].filter((path) => !existsSync(path));
  if (process.getuid?.() !== 0) needs.push("root");
  if (needs.length === 0) return undefined;
  const message = `an sshd of its own needs ${needs.join(", ")} (Debian: openssh-server)`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

export async function startSshd(): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-sshd-"));
  const file = (name: string) => join(folder, name);
  for (const name of ["host", "user", "stranger"]) {
    execFileSync(KEYGEN, ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
  }
  const port = await freePort();
  writeFileSync(file("authorized"), readFileSync(file("user.pub")));
  chmodSync(file("authorized"), 0o600);
  const hostKey = readFileSync(file("host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
  writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
  const settings = `Port ${port}
ListenAddress 127.0.0.1
HostKey ${file("host")}
AuthorizedKeysFile ${file("authorized")}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv CPRA_*
LogLevel ERROR
`;
  writeFileSync(file("config"), settings);
  // The folder that sshd separates its privileges in; Debian makes it when the service starts.
  mkdirSync("/run/sshd", { recursive: true });
  const child = spawn(SSHD, ["-D", "-e", "-f", file("config")], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const dispose = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const giveUpMs = Date.now() + START_MS_MAX;
  const knock = [
    "-q",
    "-F",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    `UserKnownHostsFile=${file("known_hosts")}`,
  ];
  for (;;) {
    try {
      const words = [...knock, "-i", file("user"), "-p", String(port), "127.0.0.1", "true"];
      execFileSync(SSH, words, { stdio: "ignore" });
      break;
    } catch {
      if (child.exitCode !== null || Date.now() > giveUpMs) {
        await dispose();
        throw new Error("sshd did not start");
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    port,
    user: execFileSync("id", ["-un"], { encoding: "utf8" }).trim(),
    identityFile: file("user"),
    knownHostsFile: file("known_hosts"),
    strangerFile: file("stranger"),
    folder,
    [Symbol.asyncDispose]: dispose,
  };
}

/** sshd tells nobody which port it took, so it is given one that was free a moment ago. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
