/** One complete alert for tests of notifiers; give what matters, the rest is plausible. */
import type { AlertMessage } from "../../src/model/message.ts";

export function alertMessage(given: Partial<AlertMessage> = {}): AlertMessage {
  return {
    key: "cpra:shop:i1:down:1",
    dedupKey: "cpra:shop:i1",
    color: "red",
    title: "CRITICAL ALERT: shop",
    monitor: "shop",
    status: "FAILED",
    severity: "critical",
    summary: "shop has failed 3 checks in a row",
    recommendedAction: "look at the service",
    nextSteps: ["read its log", "restart it"],
    kind: "http",
    target: "http://shop.example.com/health",
    error: "connection refused",
    output: "",
    since: "2026-01-02T03:04:05.000Z",
    failingForMs: 90_500,
    failures: 3,
    tried: ["restart container shop: done (1.2s)"],
    incident: "i1",
    transition: "down",
    seq: 1,
    at: "2026-01-02T03:05:35.500Z",
    groups: ["web", "eu"],
    labels: { team: "pay" },
    ...given,
  };
}
