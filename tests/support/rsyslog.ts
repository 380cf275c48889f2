/** A real rsyslogd from Debian, that listens on UDP, TCP and a unix socket and writes what it understood as JSON lines. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, missing } from "./service.ts";

export const RSYSLOG_MISSING = missing({ "/usr/sbin/rsyslogd": "rsyslog" });

/** rsyslog's own view of a message (its property jsonmesg). */
export interface SyslogRecord {
  readonly msg: string;
  readonly hostname: string;
  readonly programname: string;
  readonly syslogfacility: string;
  readonly syslogseverity: string;
  readonly "protocol-version": string;
  readonly "structured-data": string;
  readonly timereported: string;
  readonly procid: string;
  readonly msgid: string;
  readonly inputname: string;
}

export interface Rsyslog extends AsyncDisposable {
  readonly udp: string;
  readonly tcp: string;
  readonly socket: string;
  /** The first record that fits, as soon as it is there. */
  until(fits: (record: SyslogRecord) => boolean): Promise<SyslogRecord>;
  records(): readonly SyslogRecord[];
}

const WAIT_MS_MAX = 15_000;

export async function startRsyslog(): Promise<Rsyslog> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-rsyslog-"));
  const [udp, tcp] = [await freePort(), await freePort()];
  const socket = join(folder, "log");
  const output = join(folder, "out.jsonl");
  const config = join(folder, "rsyslog.conf");
  writeFileSync(
    config,
    `global(workDirectory="${folder}" maxMessageSize="64k")
module(load="imudp")
module(load="imptcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imudp" address="127.0.0.1" port="${udp}")
input(type="imptcp" address="127.0.0.1" port="${tcp}" name="tcp")
input(type="imuxsock" socket="${socket}")
template(name="json" type="string" string="%jsonmesg%\\n")
action(type="omfile" file="${output}" template="json")
`,
  );
  const child = spawn("/usr/sbin/rsyslogd", ["-n", "-f", config, "-i", join(folder, "pid")], {
    stdio: "ignore",
  });
  const records = (): readonly SyslogRecord[] => {
    if (!existsSync(output)) return [];
    const lines = readFileSync(output, "utf8").split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line) as SyslogRecord);
  };
  const rsyslog: Rsyslog = {
    udp: `udp://127.0.0.1:${udp}`,
    tcp: `tcp://127.0.0.1:${tcp}`,
    socket,
    records,
    async until(fits) {
      return await poll(() => records().find(fits), () => JSON.stringify(records()));
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
        child.kill("SIGKILL");
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await poll(
      () => statSync(socket, { throwIfNoEntry: false })?.isSocket() === true || undefined,
      () => "no socket",
    );
  } catch (error) {
    await rsyslog[Symbol.asyncDispose]();
    throw error;
  }
  return rsyslog;
}

async function poll<T>(look: () => T | undefined, explain: () => string): Promise<T> {
  const endMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`rsyslogd: not in time: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
