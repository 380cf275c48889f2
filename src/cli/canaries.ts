/**
 * What is checked to tell our own faults from the fleet's: our own endpoint over loopback and the default gateway by tcp, the
 * resolver by a real look-up (the name servers of the root, RFC 1034 §5.3: every resolver knows them). A refused connection
 * counts as an answer of the gateway, and what never answered tells nothing (many gateways drop what they do not serve).
 */
import { defaultGateway, firstNameserver, readSystemFile } from "../host/network_facts.ts";
import type { MonitorSpec, ProbeSpec } from "../model/monitor.ts";
import type { AnyProbe } from "../model/plugin.ts";
import type { Canary } from "../telemetry/metric_table.ts";

const INTERVAL_MS = 5000;
const TIMEOUT_MS = 2000;
/** Where a gateway often listens. */
const DNS_PORT = 53;

export interface CanarySpec {
  readonly canary: Canary;
  readonly spec: MonitorSpec;
}

/** What this machine says of its way out: the texts of /proc/net/route and /etc/resolv.conf. */
export interface SystemFiles {
  readonly routes: string;
  readonly resolvConf: string;
}

/** `endpoint`: URL of our own server, if there is one. A canary whose probe or target is not there is left out. */
export function canarySpecs(
  endpoint: string | undefined,
  probes: readonly AnyProbe[],
  files: SystemFiles = {
    routes: readSystemFile("/proc/net/route"),
    resolvConf: readSystemFile("/etc/resolv.conf"),
  },
): CanarySpec[] {
  const own = endpoint === undefined ? undefined : new URL(endpoint);
  const checks: readonly (readonly [Canary, string, unknown])[] = [
    ["loopback", "tcp", { host: own?.hostname.replace(/^\[|\]$/g, ""), port: Number(own?.port) }],
    ["gateway", "tcp", { host: defaultGateway(files.routes), port: DNS_PORT }],
    ["resolver", "dns", { name: ".", record: "NS", server: firstNameserver(files.resolvConf) ?? null }],
  ];
  return checks.flatMap(([canary, kind, words]) => {
    const probe = probes.find((each) => each.kind === kind);
    const config = probe?.schema.safeParse(words);
    if (probe === undefined || config?.success !== true) return [];
    const { target, shared } = probe.split(config.data);
    return [{ canary, spec: specOf(canary, { kind, target, config: shared }) }];
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
