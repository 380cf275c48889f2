/** The names thread: the keeper with real files, servers and time. It ends with the process, or when it is terminated. */
import { readFile, stat } from "node:fs/promises";
import { type DnsServer } from "../net/dns/client.ts";
import { parseResolvConf } from "../net/dns/resolv_conf.ts";
import { NameKeeperEnd } from "../shm/name_table.ts";
import { parseHosts } from "./hosts_file.ts";
import { NameKeeper } from "./keeper.ts";
import type { FromNames, NamesBoot } from "./messages.ts";
import { Outage } from "./outage.ts";
import { Resolver } from "./resolver.ts";

export interface NamesScope {
  onmessage: ((event: MessageEvent<NamesBoot>) => void) | null;
  postMessage(message: FromNames): void;
}

/** How far a TTL may be overstayed. */
const STEP_MS = 250;
/** Between two looks at the files. */
const FILES_MS = 5000;
const HOSTS = "/etc/hosts";
const RESOLV_CONF = "/etc/resolv.conf";

export function startNamesThread(scope: NamesScope): void {
  scope.onmessage = ({ data }) => void keepNames(data, scope);
}

async function keepNames(boot: NamesBoot, scope: NamesScope): Promise<never> {
  const nowMs = () => performance.now();
  const end = new NameKeeperEnd(boot.table);
  let stamp = await stampOfFiles();
  const resolver = new Resolver({ ...await readFiles(boot.servers), nowMs });
  const outage = new Outage((level, message, fields) =>
    scope.postMessage({ type: "log", level, message, fields })
  );
  const keeper = new NameKeeper({
    end,
    resolve: (name, signal) => resolver.resolve(name, signal),
    nowMs,
    missingAfterMs: boot.missingAfterMs,
    observe: (kind, stale) => outage.take(kind, stale, nowMs()),
  });
  let [steppedMs, lookedMs] = [nowMs(), nowMs()];
  while (true) {
    keeper.take();
    if (nowMs() - steppedMs >= STEP_MS) {
      steppedMs = nowMs();
      keeper.step();
    }
    if (nowMs() - lookedMs >= FILES_MS) {
      lookedMs = nowMs();
      const found = await stampOfFiles();
      if (found !== stamp) {
        stamp = found;
        resolver.use(await readFiles(boot.servers));
        keeper.expireAll();
      }
    }
    await end.sleep(STEP_MS);
  }
}

async function readFiles(servers: readonly DnsServer[]) {
  const [hosts, config] = await Promise.all(
    [HOSTS, RESOLV_CONF].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const parsed = parseResolvConf(config ?? "");
  return {
    hosts: parseHosts(hosts ?? ""),
    config: servers.length === 0 ? parsed : { ...parsed, servers },
  };
}

/** Changes when a file does; one that is not there is as good as an empty one. */
async function stampOfFiles(): Promise<string> {
  const stamps = await Promise.all(
    [HOSTS, RESOLV_CONF].map((path) =>
      stat(path).then(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`, () => "none")
    ),
  );
  return stamps.join("; ");
}
