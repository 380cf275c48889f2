/**
 * Checks what a DNS server answers: record types, values, response code. Asks one chosen server, or the system's in turn.
 * Typical load: some a second. A chosen server that fails is what is checked; the system's own that fail are ours (`local`).
 */
import { isIP } from "node:net";
import { readSystemFile } from "../host/network_facts.ts";
import { dnsServerField } from "../base/dns_server_field.ts";
import { durationField } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { microsSince } from "../net/connect.ts";
import { DnsClient, type DnsServer, type Reply } from "../net/dns/client.ts";
import { type DnsMessage, isDnsName, NOERROR, rcodeName, RCODES } from "../net/dns/message.ts";
import { RECORD_TYPES, type RecordType } from "../net/dns/record.ts";
import { parseResolvConf } from "../net/dns/resolv_conf.ts";

const TYPES = Object.keys(RECORD_TYPES) as [RecordType, ...RecordType[]];

interface DnsConfig {
  readonly name: string;
  readonly record: RecordType;
  /** null = the system's. */
  readonly server: DnsServer | null;
  readonly tcp: boolean;
  readonly rcode: typeof RCODES[number];
  /** As records are written: lower-case names without a final dot. */
  readonly expect: readonly string[];
  /** True: nothing but what is expected. */
  readonly exact: boolean;
  /** 0 = no limit. */
  readonly maxLatencyMs: number;
}

const VALUES = z.union([z.string().min(1), z.array(z.string().min(1))]).default([])
  .transform((value): readonly string[] => typeof value === "string" ? [value] : value);

const SCHEMA: Schema<DnsConfig> = z.strictObject({
  name: z.string().refine(
    isDnsName,
    "expected a DNS name of ASCII letters (internationalized ones as xn--…)",
  ),
  record: z.string().transform((type) => type.toUpperCase()).pipe(z.enum(TYPES)).default("A"),
  server: dnsServerField().optional(),
  transport: z.enum(["udp", "tcp"]).default("udp"),
  expected_rcode: z.string().transform((code) => code.toUpperCase()).pipe(z.enum(RCODES)).default("NOERROR"),
  expect: VALUES,
  match: z.enum(["contains", "exact"]).default("contains"),
  max_latency: durationField().optional(),
}).transform((input) => ({
  name: input.name,
  record: input.record,
  server: input.server ?? null,
  tcp: input.transport === "tcp",
  rcode: input.expected_rcode,
  expect: input.expect.map((value) => comparable(input.record, value)),
  exact: input.match === "exact",
  maxLatencyMs: input.max_latency ?? 0,
}));

export const DNS: Probe<DnsConfig> = {
  kind: "dns",
  aliases: [],
  summary: "DNS query: response code and records, from a chosen server or the system's",
  schema: SCHEMA,
  example: `name: mail-records
pulse_check:
  type: dns
  interval: 5m
  timeout: 5s
  config:
    name: example.com
    record: MX
    server: 192.0.2.53
    expect: 10 mail.example.com
`,
  descriptors: 1,
  estimateMs: 10,
  split({ name, ...shared }) {
    return { target: name, shared };
  },
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as Omit<DnsConfig, "name">;
  const startedMs = performance.now();
  const client = new DnsClient();
  const reply = await ask({ client, config, name: request.target, timeoutMs: request.timeoutMs }, signal);
  client.close();
  if (reply.kind === "failed") {
    const value = reply.failure.reason === "response_timeout"
      ? Math.round(request.timeoutMs)
      : reply.failure.value;
    return { ...reply.failure, value };
  }
  const firstByteUs = microsSince(startedMs);
  const problem = problemOf(reply.message, config);
  if (problem !== undefined) {
    return { outcome: "fail", reason: "dns_answer", value: reply.message.rcode, text: problem, firstByteUs };
  }
  if (config.maxLatencyMs > 0 && firstByteUs > config.maxLatencyMs * 1000) {
    return { outcome: "fail", reason: "too_slow", value: Math.ceil(firstByteUs / 1000), firstByteUs };
  }
  return { outcome: "pass", reason: "none", value: 0, firstByteUs };
}

interface Ask {
  readonly client: DnsClient;
  readonly config: Omit<DnsConfig, "name">;
  readonly name: string;
  readonly timeoutMs: number;
}

/** The chosen server, else the first of the system's that answers; those share the time. */
async function ask({ client, config, name, timeoutMs }: Ask, signal: AbortSignal): Promise<Reply> {
  const question = { name, type: config.record };
  const options = { tcpOnly: config.tcp };
  if (config.server !== null) return await client.ask(question, config.server, signal, options);
  const { servers } = parseResolvConf(readSystemFile("/etc/resolv.conf"));
  let last: Reply | undefined;
  for (const server of servers) {
    const share = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs / servers.length)]);
    last = await client.ask(question, server, share, options);
    if (last.kind === "answer" || signal.aborted) break;
  }
  if (last?.kind === "answer" || signal.aborted) return last as Reply;
  const text = "none of this system's name servers answered";
  return { kind: "failed", failure: { outcome: "local", reason: "local_resolver", value: 0, text } };
}

/** What is not as expected, for people. */
function problemOf(message: DnsMessage, config: Omit<DnsConfig, "name">): string | undefined {
  const rcode = rcodeName(message.rcode);
  if (rcode !== config.rcode) return `${rcode}, expected ${config.rcode}`;
  if (message.rcode !== NOERROR) return undefined;
  // Those at the end of a chain of aliases count as the name's own.
  const found = message.answers.filter(({ type }) => type === config.record).map(({ value }) => value);
  if (found.length === 0) return `no ${config.record} record`;
  const values = new Set(found.map((value) => comparable(config.record, value)));
  const missing = config.expect.filter((value) => !values.has(value));
  if (missing.length > 0) return `${JSON.stringify(missing[0])} is not among ${shown(found)}`;
  const others = found.filter((value) => !config.expect.includes(comparable(config.record, value)));
  return config.exact && others.length > 0 ? `${shown(others)} was not expected` : undefined;
}

function shown(values: readonly string[]): string {
  const few = values.slice(0, 4).map((value) => JSON.stringify(value.slice(0, 60))).join(", ");
  return values.length > 4 ? `${few}, …` : few;
}

/** One spelling for what means the same: the text of TXT and CAA is data, all else names, numbers and addresses. */
function comparable(type: RecordType, value: string): string {
  if (type === "TXT" || type === "CAA") return value;
  if (type === "AAAA" && isIP(value) === 6 && URL.canParse(`http://[${value}]/`)) {
    return new URL(`http://[${value}]/`).hostname.slice(1, -1);
  }
  return value.trim().toLowerCase().split(/\s+/).map((word) =>
    word.length > 1 ? word.replace(/\.$/, "") : word
  )
    .join(" ");
}
