/**
 * What monitors that fail together share: a monitor they depend on, a host, a subnet, a group. For storms; reading a row
 * costs some µs, so the caller spreads it over ticks.
 */
import type { World } from "../world/world.ts";

/** The most specific first: among causes that explain about as many, it wins. */
const KINDS = ["depends_on", "host", "subnet", "group"] as const;
/** A cause that explains at least this part of what the best one does counts as good as it. */
const AS_GOOD = 0.9;
/** Of two digests by cause and one of the rest. */
const CAUSES_MOST = 2;

/** As "host:db1.example.com". */
export function causesOf(world: World, row: number): string[] {
  const { groups, dependsOn } = world.attributes(row);
  const causes = new Set(dependsOn.map((name) => `depends_on:${name}`));
  const host = hostOf(world.target(row));
  if (host !== undefined) {
    causes.add(`host:${host}`);
    const subnet = subnetOf(host);
    if (subnet !== undefined) causes.add(`subnet:${subnet}`);
  }
  for (const group of groups) causes.add(`group:${group}`);
  return [...causes];
}

export interface Share {
  /** "" = of those that have nothing in common. */
  readonly cause: string;
  readonly rows: readonly number[];
}

/**
 * At most three shares, the largest first: by the causes that explain most, and the rest. `least`: a cause that explains
 * fewer is none. A rest of less than that goes with the largest share.
 */
export function shareByCause(
  causes: ReadonlyMap<number, readonly string[]>,
  least: number,
): readonly Share[] {
  const left = new Map(causes);
  const shares: { readonly cause: string; readonly rows: number[] }[] = [];
  while (shares.length < CAUSES_MOST) {
    const cause = bestCause(left, least);
    if (cause === undefined) break;
    const rows = [...left].filter(([, all]) => all.includes(cause)).map(([row]) => row);
    for (const row of rows) left.delete(row);
    shares.push({ cause, rows });
  }
  const first = shares[0];
  if (first === undefined) return [{ cause: "", rows: [...left.keys()] }];
  if (left.size < least) first.rows.push(...left.keys());
  else shares.push({ cause: "", rows: [...left.keys()] });
  return shares.sort((a, b) => b.rows.length - a.rows.length);
}

function bestCause(causes: ReadonlyMap<number, readonly string[]>, least: number): string | undefined {
  const counts = new Map<string, number>();
  for (const all of causes.values()) for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (most < least) return undefined;
  let best: readonly [cause: string, kind: number, count: number] | undefined;
  for (const [cause, count] of counts) {
    if (count < most * AS_GOOD) continue;
    const kind = KINDS.findIndex((each) => cause.startsWith(`${each}:`));
    if (best === undefined || kind < best[1] || (kind === best[1] && count > best[2])) {
      best = [cause, kind, count];
    }
  }
  return best?.[0];
}

/** Of a URL or of "host:port"; undefined for anything else, such as a command. */
function hostOf(target: string): string | undefined {
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?(\[[^\]]+\]|[^:/?#]+)/i.exec(target);
  const pair = /^(\[[^\]]+\]|[\w.-]+):\d+$/.exec(target);
  return (url ?? pair)?.[1]?.toLowerCase();
}

/** The /24 of an IPv4 address or the /64 of an IPv6 one. */
function subnetOf(host: string): string | undefined {
  const four = /^(\d+\.\d+\.\d+)\.\d+$/.exec(host);
  if (four !== null) return `${four[1]}.0/24`;
  if (!host.startsWith("[")) return undefined;
  const [head = "", tail] = host.slice(1, -1).split("::");
  const words = head.split(":");
  const missing = tail === undefined ? 0 : 8 - words.length - tail.split(":").length;
  return `${[...words, ...Array<string>(Math.max(0, missing)).fill("0")].slice(0, 4).join(":")}::/64`;
}
