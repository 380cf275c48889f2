/**
 * What is checked to tell our own faults from the fleet's: our own endpoint over loopback, the default gateway, the
 * resolver. Plain tcp checks of the pulse lane; a refused connection counts as an answer but for loopback, and one that
 * never answered tells nothing (many gateways drop what they do not serve).
 */
import { defaultGateway, firstNameserver, readSystemFile } from "../host/network_facts.ts";
import type { MonitorSpec, ProbeSpec } from "../model/monitor.ts";
import type { AnyProbe } from "../model/plugin.ts";
import type { Canary } from "../telemetry/metric_table.ts";

const INTERVAL_MS = 5000;
const TIMEOUT_MS = 2000;
/** Where a resolver listens, and often a gateway. */
const DNS_PORT = 53;

export interface CanarySpec {
  readonly canary: Canary;
  readonly spec: MonitorSpec;
}

/** `endpoint`: URL of our own server, if there is one. Empty without a probe for tcp. */
export function canarySpecs(endpoint: string | undefined, probes: readonly AnyProbe[]): CanarySpec[] {
  const tcp = probes.find(({ kind }) => kind === "tcp");
  if (tcp === undefined) return [];
  const own = endpoint === undefined ? undefined : new URL(endpoint);
  const targets: [Canary, string | undefined, number][] = [
    ["loopback", own?.hostname.replace(/^\[|\]$/g, ""), Number(own?.port)],
    ["gateway", defaultGateway(readSystemFile("/proc/net/route")), DNS_PORT],
    ["resolver", firstNameserver(readSystemFile("/etc/resolv.conf")), DNS_PORT],
  ];
  return targets.flatMap(([canary, host, port]) => {
    const config = tcp.schema.safeParse({ host, port });
    if (host === undefined || !config.success) return [];
    const { target, shared } = tcp.split(config.data);
    return [{ canary, spec: specOf(canary, { kind: "tcp", target, config: shared }) }];
  });
}

function specOf(canary: Canary, probe: ProbeSpec): MonitorSpec {
  return {
    name: `cpra canary ${canary}`,
    enabled: true,
    probe,
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    retries: 0,
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    verificationChecks: 1,
    verificationTimeoutMs: 0,
    codes: {},
    groups: [],
    labels: {},
    dependsOn: [],
    metadata: {},
  };
}
