/**
 * Checks that a host answers echo requests (ICMP, ICMPv6): how many, and how fast. Typical load: 100,000 a second to address
 * on the raw lane; by here come hosts that it does not take. Where libc cannot be called, the system's ping program is run
 * instead, at about 2 ms of CPU a check.
 */
import { isIP } from "node:net";
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import { pingHindrance } from "../host/ping_permission.ts";
import { OUTCOMES, reasonAt } from "../model/outcome.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { ECHOES_MOST, type EchoPlan, type RawProbe } from "../model/raw_probe.ts";
import { lookUpName } from "../net/names.ts";
import { openEchoLoop } from "../net/raw/echo_loop.ts";
import { isPlainAddress } from "../net/raw/socket_address.ts";
import type { IcmpConfig, SharedIcmpConfig } from "./icmp_config.ts";
import { runPingProgram } from "./icmp_program.ts";
import { echoPlan, ICMP_RAW } from "./icmp_raw.ts";
import { sourceField } from "./source_field.ts";

const INTERVAL_MS = 200;
const LOSS_PCT_MOST = 99;

export const ICMP: Probe<IcmpConfig> = {
  kind: "icmp",
  aliases: ["ping"],
  summary: "echo requests (ping), IPv4 and IPv6: answers, loss, round-trip time",
  schema: z.strictObject({
    host: z.string().regex(/^[^\s/[\]%]+$/, "expected a host name or an address, without brackets or zone"),
    count: z.number().int().min(1).max(ECHOES_MOST).default(1),
    interval: durationField().default(INTERVAL_MS),
    loss_pct: z.number().min(0).max(LOSS_PCT_MOST).default(LOSS_PCT_MOST),
    rtt: durationField().optional(),
    ignore_privilege: z.boolean().default(false),
    source: sourceField(),
  }).transform((input) => ({
    host: input.host,
    count: input.count,
    intervalMs: input.interval,
    lossPct: input.loss_pct,
    rttMs: input.rtt ?? 0,
    unprivileged: input.ignore_privilege,
    source: input.source,
  })),
  example: `name: gateway
pulse_check:
  type: icmp
  interval: 10s
  timeout: 2s
  config:
    host: 192.0.2.1
    count: 3
    loss_pct: 40
    rtt: 150ms
`,
  descriptors: 1,
  estimateMs: 5,
  split({ host, ...shared }) {
    return { target: host, shared };
  },
  hindrance: pingHindrance,
  run,
  raw: ICMP_RAW as RawProbe,
};

const PLANS = new WeakMap<SharedIcmpConfig, EchoPlan>();

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as SharedIcmpConfig;
  const startedMs = performance.now();
  let address = request.target;
  let dnsUs: number | undefined;
  if (isIP(address) === 0) {
    const found = await lookUpName(address, undefined, signal);
    if ("reason" in found) return found;
    const family = isIP(config.source);
    address = found.find((one) => family === 0 || isIP(one) === family) ?? found[0] as string;
    dnsUs = Math.round((performance.now() - startedMs) * 1000);
  }
  if (signal.aborted) return { outcome: "fail", reason: "response_timeout", value: request.timeoutMs };
  const timeoutMs = Math.max(1, request.timeoutMs - (performance.now() - startedMs));
  const phases = dnsUs === undefined ? {} : { dnsUs };
  const echo = await openEchoLoop();
  if (echo === undefined || !isPlainAddress(address)) {
    return { ...await runPingProgram({ address, config, timeoutMs }, signal), ...phases };
  }
  const plan = PLANS.get(config) ?? echoPlan(config);
  PLANS.set(config, plan);
  const end = await echo({ address, plan, timeoutMs }, signal);
  if (end === "busy") {
    return { outcome: "local", reason: "local_buffers", value: 0, text: "too many echo checks at once" };
  }
  return {
    outcome: OUTCOMES[end.outcome] ?? "local",
    reason: reasonAt(end.reason),
    value: reasonAt(end.reason) === "response_timeout" ? request.timeoutMs : end.value,
    ...(end.text === undefined ? {} : { text: end.text }),
    ...(end.firstByteUs === 0 ? {} : { firstByteUs: end.firstByteUs + (dnsUs ?? 0) }),
    ...phases,
  };
}
