/** /etc/resolv.conf as resolv.conf(5) describes it: servers, search list, options. Pure. */
import { isIP } from "node:net";
import type { DnsServer } from "./client.ts";

export interface ResolverConfig {
  /** In the order they are asked; at most three. */
  readonly servers: readonly DnsServer[];
  /** Suffixes for names with fewer than `ndots` dots, at most six. */
  readonly search: readonly string[];
  readonly ndots: number;
  /** What one server has for its answer, ms. */
  readonly timeoutMs: number;
  /** Rounds over all servers. */
  readonly attempts: number;
}

export const DNS_PORT = 53;
const SERVERS_MOST = 3;
const SEARCH_MOST = 6;

/** Without any server the one on this host is asked, as the C library does. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: DnsServer[] = [];
  let search: readonly string[] = [];
  const options = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [word, ...values] = line.replace(/[#;].*$/, "").trim().split(/\s+/);
    const first = values[0] ?? "";
    if (word === "nameserver" && isIP(first) !== 0) servers.push({ address: first, port: DNS_PORT });
    else if (word === "search" || word === "domain") search = values.map((name) => name.replace(/\.$/, ""));
    else if (word === "options") {
      for (const value of values) {
        const [, name, number] = /^(ndots|timeout|attempts):(\d{1,3})$/.exec(value) ?? [];
        if (name !== undefined) options.set(name, Number(number));
      }
    }
  }
  const bounded = (name: string, fallback: number, least: number, most: number) =>
    Math.min(most, Math.max(least, options.get(name) ?? fallback));
  return {
    servers: servers.length === 0
      ? [{ address: "127.0.0.1", port: DNS_PORT }]
      : servers.slice(0, SERVERS_MOST),
    search: search.filter((name) => name !== "").slice(0, SEARCH_MOST),
    ndots: bounded("ndots", 1, 0, 15),
    timeoutMs: bounded("timeout", 5, 1, 30) * 1000,
    attempts: bounded("attempts", 2, 1, 5),
  };
}
