/** The icmp probe on the raw engine, and what its echoes come to: the same for both engines. */
import type { PerfDatum } from "../model/plugin.ts";
import type { EchoPlan, EchoTally, IcmpError, RawProbe, Verdict } from "../model/raw_probe.ts";
import { isPlainName } from "../net/raw/raw_names.ts";
import { isPlainAddress } from "../net/raw/socket_address.ts";
import type { SharedIcmpConfig } from "./icmp_config.ts";

export const ICMP_RAW: RawProbe<SharedIcmpConfig> = {
  suits: (target, _config, { names }) => isPlainAddress(target) || (names && isPlainName(target)),
  plan: (config) => echoPlan(config),
};

/** Texts carry the performance data behind a bar, as plug-ins print it; none for one echo that is answered. */
export function echoPlan(config: SharedIcmpConfig): EchoPlan {
  return {
    transport: "echo",
    source: config.source,
    unprivileged: config.unprivileged,
    count: config.count,
    intervalMs: config.intervalMs,
    judge(tally) {
      const verdict = verdictOf(tally, config);
      if (verdict.outcome === "pass" && tally.count === 1) return PASSED;
      const data = perfdataOf(tally).map(({ label, value, unit }) => `${label}=${value ?? "U"}${unit}`);
      return { ...verdict, text: `${verdict.text ?? ""} | ${data.join(" ")}` };
    },
  };
}

const PASSED: Verdict = { outcome: "pass", reason: "none", value: 0 };

export function verdictOf(tally: EchoTally, config: Pick<SharedIcmpConfig, "lossPct" | "rttMs">): Verdict {
  const { count, answered, error, timeoutMs } = tally;
  const lossPct = 100 * (count - answered) / count;
  const text = `${answered} of ${count} echoes answered`;
  if (answered < count && lossPct > config.lossPct && tally.droppedHere) {
    return {
      outcome: "local",
      reason: "local_buffers",
      value: 0,
      text: `${text}, answers were dropped here`,
    };
  }
  if (answered === 0) {
    return error === undefined
      ? { outcome: "fail", reason: "response_timeout", value: Math.round(timeoutMs), text }
      : { outcome: "fail", ...reasonOf(error) };
  }
  if (lossPct > config.lossPct) {
    return { outcome: "fail", reason: "packet_loss", value: Math.round(lossPct), text };
  }
  const meanMs = tally.rttMeanUs / 1000;
  if (config.rttMs > 0 && meanMs > config.rttMs) {
    return { outcome: "fail", reason: "too_slow", value: Math.ceil(meanMs), text };
  }
  return { outcome: "pass", reason: "none", value: 0, text };
}

/** As check_ping of the Nagios plug-ins names them. */
export function perfdataOf(tally: EchoTally): readonly PerfDatum[] {
  const rta = tally.answered === 0 ? null : Number((tally.rttMeanUs / 1000).toFixed(3));
  const pl = Math.round(100 * (tally.count - tally.answered) / tally.count);
  return [
    { label: "rta", value: rta, unit: "ms", min: 0 },
    { label: "pl", value: pl, unit: "%", min: 0, max: 100 },
  ];
}

function reasonOf({ family, type, code, from }: IcmpError): Pick<Verdict, "reason" | "value" | "text"> {
  const said = from === "" ? "" : `, says ${from}`;
  if (type === (family === 4 ? V4_TIME_EXCEEDED : V6_TIME_EXCEEDED)) {
    return { reason: "ttl_exceeded", value: code, text: `routing loop or too long a way${said}` };
  }
  const what = (family === 4 ? V4_UNREACHABLE : V6_UNREACHABLE)[code] ?? `code ${code}`;
  return { reason: "unreachable", value: code, text: `${what}${said}` };
}

const V4_TIME_EXCEEDED = 11;
const V6_TIME_EXCEEDED = 3;
/** ICMP type 3 by code: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. */
const V4_UNREACHABLE: readonly string[] = [
  "network unreachable",
  "host unreachable",
  "protocol unreachable",
  "port unreachable",
  "fragmentation needed",
  "source route failed",
  "network unknown",
  "host unknown",
  "source host isolated",
  "network prohibited",
  "host prohibited",
  "network unreachable for this type of service",
  "host unreachable for this type of service",
  "communication prohibited",
  "host precedence violation",
  "precedence cutoff",
];
/** ICMPv6 type 1 by code: RFC 4443 §3.1. */
const V6_UNREACHABLE: readonly string[] = [
  "no route to destination",
  "communication prohibited",
  "beyond scope of source address",
  "address unreachable",
  "port unreachable",
  "source address failed policy",
  "route rejected",
];
