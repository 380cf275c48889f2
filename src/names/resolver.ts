/**
 * What one host name comes to: /etc/hosts, else the name servers of /etc/resolv.conf with its search list. Nothing is kept
 * between two questions but which server was silent; the cache is the name table's.
 * Both kinds of address are always asked for: which one a check takes is the check's business.
 */
import { DnsClient, type DnsServer } from "../net/dns/client.ts";
import { type DnsMessage, isDnsName, NOERROR, NXDOMAIN, SERVFAIL } from "../net/dns/message.ts";
import type { RecordType } from "../net/dns/record.ts";
import type { ResolverConfig } from "../net/dns/resolv_conf.ts";
import { FAULT_MALFORMED, FAULT_REFUSED, FAULT_SERVFAIL, FAULT_SILENT } from "../model/names.ts";
import { type HostAddresses, isLocalhost, LOCALHOST } from "./hosts_file.ts";

export type Resolved =
  | { readonly kind: "found"; readonly addresses: HostAddresses; readonly ttlMs: number }
  /** It does not exist, or has no address. */
  | { readonly kind: "missing"; readonly ttlMs: number }
  /** Nobody could say; `fault` is an index of NAME_FAULTS. */
  | { readonly kind: "failed"; readonly fault: number };

export interface ResolverOptions {
  readonly hosts: ReadonlyMap<string, HostAddresses>;
  readonly config: ResolverConfig;
  readonly nowMs: () => number;
}

/** What has no TTL of its own: entries of /etc/hosts are looked at again when the file changes. */
const HOSTS_TTL_MS = 3_600_000;
/** Bounds of what servers say: at least this, so that a TTL of 0 is not a question per check. */
const TTL_MS_LEAST = 1000;
const TTL_MS_MOST = 86_400_000;
/** RFC 2308 §5 has three hours as the most; a name that is set up is to be seen within minutes. */
const MISSING_TTL_MS_MOST = 300_000;
/** An answer "does not exist" without the record that says for how long is not to be kept (RFC 2308 §5). */
const MISSING_TTL_MS_UNKNOWN = 5000;
/** A check cannot wait as long as resolv.conf's five seconds a server. */
const SERVER_MS_MOST = 2000;
/** Within that time, since a datagram may be lost. */
const SENDINGS = 3;
/** A server that was silent is asked last for so long. */
const SILENT_MS = 30_000;

export class Resolver {
  readonly #client = new DnsClient();
  readonly #silentUntil = new Map<string, number>();
  #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** From now on: the files have changed. */
  use(files: Pick<ResolverOptions, "hosts" | "config">): void {
    this.#options = { ...this.#options, ...files };
    this.#silentUntil.clear();
  }

  close(): void {
    this.#client.close();
  }

  /** Never rejects; ends within servers × attempts × 2 s for each name of the search list, or when the signal fires. */
  async resolve(name: string, signal: AbortSignal): Promise<Resolved> {
    const bare = name.replace(/\.$/, "");
    const known = this.#options.hosts.get(bare) ?? (isLocalhost(bare) ? LOCALHOST : undefined);
    if (known !== undefined) return { kind: "found", addresses: known, ttlMs: HOSTS_TTL_MS };
    let missing: Resolved = { kind: "missing", ttlMs: MISSING_TTL_MS_MOST };
    for (const candidate of this.#candidates(name)) {
      const end = await this.#resolveOne(candidate, signal);
      if (end.kind !== "missing") return end;
      missing = { kind: "missing", ttlMs: Math.min(missing.ttlMs, end.ttlMs) };
    }
    return missing;
  }

  /** resolv.conf(5): with `ndots` dots or more it is tried as it is first, with fewer the search list comes first. */
  #candidates(name: string): readonly string[] {
    const { search, ndots } = this.#options.config;
    if (name.endsWith(".")) return [name].filter(isDnsName);
    const isFull = name.split(".").length - 1 >= ndots;
    const suffixed = search.map((suffix) => `${name}.${suffix}`);
    return (isFull ? [name, ...suffixed] : [...suffixed, name]).filter(isDnsName);
  }

  async #resolveOne(name: string, signal: AbortSignal): Promise<Resolved> {
    const [ipv4, ipv6] = await Promise.all([this.#ask(name, "A", signal), this.#ask(name, "AAAA", signal)]);
    const answers = [ipv4, ipv6].filter((end) => typeof end !== "number");
    const records = answers.flatMap((message) => message.answers);
    const valuesOf = (type: RecordType) => [
      ...new Set(records.filter((record) => record.type === type).map(({ value }) => value)),
    ];
    const addresses = { ipv4: valuesOf("A"), ipv6: valuesOf("AAAA") };
    if (addresses.ipv4.length + addresses.ipv6.length > 0) {
      const ttlMs = Math.min(...records.map(({ ttl }) => ttl * 1000));
      return { kind: "found", addresses, ttlMs: Math.min(TTL_MS_MOST, Math.max(TTL_MS_LEAST, ttlMs)) };
    }
    const fault = [ipv4, ipv6].find((end) => typeof end === "number");
    if (fault !== undefined) return { kind: "failed", fault };
    return { kind: "missing", ttlMs: Math.min(...answers.map(missingTtlMs)) };
  }

  /** A usable answer, or the index of what was wrong with the last server. */
  async #ask(name: string, type: RecordType, signal: AbortSignal): Promise<DnsMessage | number> {
    const { config: { attempts, timeoutMs }, nowMs } = this.#options;
    let fault = FAULT_SILENT;
    for (let round = 0; round < attempts && !signal.aborted; round++) {
      for (const server of this.#serversInOrder()) {
        const resendMs = Math.min(timeoutMs, SERVER_MS_MOST) / SENDINGS;
        const reply = await this.#client.ask({ name, type }, server, signal, {
          resendMs,
          sendings: SENDINGS,
        });
        if (reply.kind === "answer") {
          const { rcode } = reply.message;
          if (rcode === NOERROR || rcode === NXDOMAIN) return reply.message;
          fault = rcode === SERVFAIL ? FAULT_SERVFAIL : FAULT_REFUSED;
        } else if (reply.failure.reason === "protocol") fault = FAULT_MALFORMED;
        else {
          fault = FAULT_SILENT;
          this.#silentUntil.set(keyOf(server), nowMs() + SILENT_MS);
        }
        if (signal.aborted) break;
      }
    }
    return fault;
  }

  #serversInOrder(): readonly DnsServer[] {
    const { config: { servers }, nowMs } = this.#options;
    const silent = (server: DnsServer) => (this.#silentUntil.get(keyOf(server)) ?? 0) > nowMs();
    return [...servers.filter((server) => !silent(server)), ...servers.filter(silent)];
  }
}

function keyOf({ address, port }: DnsServer): string {
  return `${address} ${port}`;
}

/** RFC 2308 §5: the lesser of the SOA record's own TTL and its last field. */
function missingTtlMs({ authority }: DnsMessage): number {
  const soa = authority.find(({ type }) => type === "SOA");
  if (soa === undefined) return MISSING_TTL_MS_UNKNOWN;
  const seconds = Math.min(soa.ttl, Number(soa.value.split(" ").at(-1)));
  return Math.min(MISSING_TTL_MS_MOST, Math.max(TTL_MS_LEAST, seconds * 1000));
}
