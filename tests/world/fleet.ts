/** Monitors for tests of the world: a complete spec, and a fleet as generators of manifests write them. */
import type { MonitorSpec } from "../../src/model/monitor.ts";

export function monitorSpec(changes: Partial<MonitorSpec> = {}): MonitorSpec {
  return {
    name: "web",
    enabled: true,
    probe: { kind: "http", target: "http://127.0.0.1/health", config: { method: "GET", status: ["2xx"] } },
    intervalMs: 30_000,
    timeoutMs: 5000,
    retries: 0,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    verificationChecks: 2,
    verificationTimeoutMs: 0,
    codes: {},
    groups: [],
    labels: {},
    dependsOn: [],
    metadata: {},
    ...changes,
  };
}

/** Every object fresh, as after parsing. */
export function fleetMonitor(index: number): MonitorSpec {
  const pagerduty = { kind: "pagerduty", config: { url: "https://events.example.com/v2/enqueue" } };
  return monitorSpec({
    name: `http-monitor-${String(index).padStart(6, "0")}`,
    probe: {
      kind: "http",
      target: `http://127.${index % 251}.${index % 13}.${1 + index % 250}:8080/health/${index}`,
      config: { method: "GET", headers: [["Accept", "*/*"]], authorization: "", body: "", status: ["2xx"] },
    },
    intervalMs: 10_000 * (1 + index % 6),
    remedy: {
      kind: "docker",
      target: `service-${index}`,
      config: { action: "restart" },
      retries: 1,
      maxFailures: 1,
      timeoutMs: 60_000,
    },
    codes: { red: { dispatch: "transition", channels: [pagerduty], cooldownMs: 0, repeatMs: 0 } },
    groups: [`rack-${index % 40}`],
  });
}
