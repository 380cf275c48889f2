/**
 * Three hosts of one's own for tests: network namespaces "box", "router" and "far", joined by links, with targets behind the
 * router that fail in each way that routers tell. Needs root, ip (Debian: iproute2) and setpriv (util-linux). Documentation addresses
 * only (RFC 5737, RFC 3849), and nothing leaves the namespaces.
 *
 *   box 192.0.2.1, 2001:db8::1 ───── router 192.0.2.2, 2001:db8::2 ───── far 203.0.113.2, 2001:db8:3::2
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";

const run = promisify(execFile);
const IP = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].find((path) => existsSync(path));
const SETPRIV = "/usr/bin/setpriv";

export const ROUTER = { v4: "192.0.2.2", v6: "2001:db8::2" } as const;
/** Nobody answers on the link. */
export const ABSENT = "192.0.2.99";
/** Behind the router. */
export const BEHIND = {
  unreachable: { v4: "198.51.100.1", v6: "2001:db8:1::1" },
  prohibited: { v4: "198.51.100.2", v6: "2001:db8:1::2" },
  silent: { v4: "198.51.100.3", v6: "2001:db8:1::3" },
  /** Sent back and forth between router and far. */
  loop: { v4: "198.51.100.129", v6: "2001:db8:2::1" },
} as const;

export interface TestNetwork extends AsyncDisposable {
  /** Runs a program on a host; its standard output. `rights` "none": without any capability, CAP_NET_RAW among them. */
  exec(
    host: Host,
    argv: readonly string[],
    options?: { readonly rights: "all" | "none" },
  ): Promise<string>;
  /** "net.ipv4.icmp_ratelimit" and such, of this host alone. */
  sysctl(host: Host, name: string, value: string): Promise<void>;
}

/** Why there can be none here, for a skip message; undefined when there can. With CI=true this throws. */
export function networkMissing(): string | undefined {
  const needs: string[] = [];
  if (IP === undefined) needs.push("ip (Debian: iproute2)");
  if (!existsSync(SETPRIV)) needs.push("setpriv (Debian: util-linux)");
  if (process.getuid?.() !== 0) needs.push("root");
  if (needs.length === 0) return undefined;
  const message = `a network of its own needs ${needs.join(", ")}`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

let networks = 0;

export async function startNetwork(): Promise<TestNetwork> {
  const ip = IP as string;
  const number = ++networks;
  const name = (host: string) => `cpra-${process.pid}-${number}-${host}`;
  const inside = async (host: string, argv: readonly string[]) =>
    (await run(ip, ["netns", "exec", name(host), ...argv], { timeout: 60_000 })).stdout;
  const link = (host: string, device: string) =>
    run(ip, [
      ...`link add veth0 netns ${name(host)} type veth peer name ${device} netns ${name("router")}`.split(
        " ",
      ),
    ]);
  const network: TestNetwork = {
    exec: (host, argv, { rights } = { rights: "all" }) =>
      inside(host, rights === "all" ? argv : [SETPRIV, "--bounding-set=-all", "--inh-caps=-all", ...argv]),
    async sysctl(host, key, value) {
      const path = `/proc/sys/${key.replaceAll(".", "/")}`;
      await inside(host, ["sh", "-c", `echo "$1" > "$2"`, "sh", value, path]);
    },
    async [Symbol.asyncDispose]() {
      for (const host of HOSTS) await run(ip, ["netns", "delete", name(host)]).catch(() => {});
    },
  };
  try {
    for (const host of HOSTS) await run(ip, ["netns", "add", name(host)]);
    for (const host of HOSTS) {
      for (const [key, value] of Object.entries(SYSCTLS)) await network.sysctl(host, key, value);
    }
    await link("box", "veth0");
    await link("far", "veth1");
    for (const host of HOSTS) {
      for (const line of SETUP[host]) await inside(host, [ip, ...line.split(" ")]);
    }
    return network;
  } catch (error) {
    await network[Symbol.asyncDispose]();
    throw error;
  }
}

const HOSTS = ["box", "router", "far"] as const;
type Host = typeof HOSTS[number];

const SYSCTLS = {
  "net.ipv4.ip_forward": "1",
  "net.ipv6.conf.all.forwarding": "1",
  // The looping packets come back by another way than they would be answered.
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
  // Duplicate address detection would keep addresses back for a second.
  "net.ipv6.conf.all.accept_dad": "0",
  "net.ipv6.conf.default.accept_dad": "0",
  // Errors as fast as they are caused.
  "net.ipv4.icmp_ratelimit": "0",
  "net.ipv6.icmp.ratelimit": "0",
} as const;

const SETUP: Readonly<Record<Host, readonly string[]>> = {
  box: [
    "link set lo up",
    "link set veth0 up",
    "addr add 192.0.2.1/24 dev veth0",
    "addr add 2001:db8::1/64 dev veth0 nodad",
    "route add default via 192.0.2.2",
    "-6 route add default via 2001:db8::2",
  ],
  router: [
    "link set lo up",
    "link set veth0 up",
    "addr add 192.0.2.2/24 dev veth0",
    "addr add 2001:db8::2/64 dev veth0 nodad",
    "link set veth1 up",
    "addr add 203.0.113.1/24 dev veth1",
    "addr add 2001:db8:3::1/64 dev veth1 nodad",
    `route add unreachable ${BEHIND.unreachable.v4}`,
    `route add prohibit ${BEHIND.prohibited.v4}`,
    `route add blackhole ${BEHIND.silent.v4}`,
    "route add 198.51.100.128/25 via 203.0.113.2",
    `-6 route add unreachable ${BEHIND.unreachable.v6}`,
    `-6 route add prohibit ${BEHIND.prohibited.v6}`,
    `-6 route add blackhole ${BEHIND.silent.v6}`,
    "-6 route add 2001:db8:2::/64 via 2001:db8:3::2",
  ],
  far: [
    "link set lo up",
    "link set veth0 up",
    "addr add 203.0.113.2/24 dev veth0",
    "addr add 2001:db8:3::2/64 dev veth0 nodad",
    "route add default via 203.0.113.1",
    "-6 route add default via 2001:db8:3::1",
  ],
};
