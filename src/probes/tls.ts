/**
 * Checks a TLS server's certificate and nothing else: its chain, its name, the time it has left, the version agreed on. The
 * connection ends after the handshake. Typical load: some a second, each for an hour or a day.
 */
import type { SecureContext } from "node:tls";
import { HOST_FIELD, PORT_FIELD } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { connect, microsSince } from "../net/connect.ts";
import {
  certificateEndMs,
  createTlsContext,
  freeTls,
  startTls,
  TLS_VERSIONS,
  type TlsVersion,
} from "../net/tls.ts";
import { dayOf, daysLeft } from "./certificate_days.ts";
import { joinTarget, splitTarget } from "./stream_probe.ts";

interface TlsConfig {
  readonly host: string;
  readonly port: number;
  /** "" = the host. */
  readonly serverName: string;
  /** PEM; "" = the authorities of the runtime. */
  readonly ca: string;
  readonly minVersion: TlsVersion;
  /** Fewer days left are said in the check's text. */
  readonly warnDays: number;
  /** Fewer days left are a failure. */
  readonly criticalDays: number;
  /** Protocols offered (RFC 7301), one of which must be chosen; empty = none is offered. */
  readonly alpn: readonly string[];
}

const DAYS = z.number().int().min(0).max(3650);
const PEM = z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" });

const SCHEMA: Schema<TlsConfig> = z.strictObject({
  host: HOST_FIELD,
  port: PORT_FIELD.default(443),
  "server_name": z.string().default(""),
  ca: PEM.optional(),
  "tls_min_version": z.enum(TLS_VERSIONS).default("1.2"),
  "warn_days": DAYS.default(30),
  "critical_days": DAYS.default(14),
  alpn: z.array(z.string().min(1).max(255)).default([]),
}).transform((input) => ({
  host: input.host,
  port: input.port,
  serverName: input.server_name,
  ca: input.ca ?? "",
  minVersion: input.tls_min_version,
  warnDays: input.warn_days,
  criticalDays: input.critical_days,
  alpn: input.alpn,
}));

export const TLS: Probe<TlsConfig> = {
  kind: "tls",
  aliases: ["certificate"],
  summary: "TLS handshake: the certificate's chain, host name, days left, protocol version",
  schema: SCHEMA,
  advice: ({ warnDays, criticalDays }) =>
    warnDays < criticalDays ? "warn_days is below critical_days: it never warns" : undefined,
  example: `name: shop-certificate
pulse_check:
  type: tls
  interval: 1h
  timeout: 10s
  config:
    host: shop.example.com
    port: 443
    warn_days: 30
    critical_days: 14
`,
  descriptors: 1,
  estimateMs: 30,
  split({ host, port, ...shared }) {
    return { target: joinTarget(host, port), shared };
  },
  run,
};

type SharedConfig = Omit<TlsConfig, "host" | "port">;

const CONTEXTS = new WeakMap<SharedConfig, SecureContext>();

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as SharedConfig;
  const startedMs = performance.now();
  const { host, port } = splitTarget(request.target);
  const opened = await connect({ host, port, startedMs, timeoutMs: request.timeoutMs }, signal);
  if (opened.kind === "failed") return { ...opened.failure, ...opened.phases };
  const secured = await startTls(opened.socket, {
    host: config.serverName === "" ? host : config.serverName,
    context: contextOf(config),
    insecure: false,
    alpn: config.alpn,
  }, signal);
  if (secured.kind === "failed") return { ...secured.failure, ...opened.phases };
  if (secured.kind === "aborted") {
    const value = Math.round(request.timeoutMs);
    const text = "no TLS handshake";
    return { outcome: "fail", reason: "response_timeout", value, text, ...opened.phases };
  }
  const phases = { ...opened.phases, firstByteUs: microsSince(startedMs) };
  const { socket } = secured;
  const endMs = certificateEndMs(socket);
  const facts = `${socket.getProtocol() ?? ""} ${socket.getCipher().name}`;
  const agreed = socket.alpnProtocol;
  freeTls(socket, opened.socket);
  const refused = config.alpn.length > 0 && !(typeof agreed === "string" && config.alpn.includes(agreed));
  if (endMs === undefined || refused) {
    const text = refused ? `server speaks none of ${config.alpn.join(", ")}` : "certificate without an end";
    return { outcome: "fail", reason: "tls_failed", value: 0, text, ...phases };
  }
  return { ...verdict(endMs, facts, config), ...phases };
}

function verdict(endMs: number, facts: string, { warnDays, criticalDays }: SharedConfig): ProbeResult {
  const days = daysLeft(endMs);
  const warn = `${warnDays}:`;
  const perfdata = [{ label: "days_left", value: days, unit: "", warn, crit: `${criticalDays}:` }];
  const until = new Date(endMs).toISOString().slice(0, 10);
  if (days < criticalDays) {
    return { outcome: "fail", reason: "tls_expires", value: days, text: `until ${until}`, perfdata };
  }
  const warning = days < warnDays ? `, fewer than ${warnDays} days` : "";
  const text = `valid until ${until}${warning}; ${facts}`;
  return { outcome: "pass", reason: "none", value: 0, text, certificateDay: dayOf(endMs), perfdata };
}

function contextOf(config: SharedConfig): SecureContext {
  let context = CONTEXTS.get(config);
  if (context === undefined) {
    context = createTlsContext(config.ca === "" ? undefined : config.ca, { minVersion: config.minVersion });
    CONTEXTS.set(config, context);
  }
  return context;
}
