/**
 * Checks one workload, pod or node of a Kubernetes cluster: that as many replicas are ready as its spec wants, or as many as the
 * check asks for. Typical load: some hundred a minute, one call over TLS each. Needs "get" on the object and nothing else.
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { CLUSTER_FIELDS, clusterAccess, type ClusterConfig, clusterFault } from "../net/kubeconfig.ts";
import {
  Cluster,
  DNS_NAME,
  KINDS,
  type ObjectName,
  parseTarget,
  pathOf,
  targetOf,
  type WrittenName,
} from "../net/kubernetes.ts";
import { READINESS, readinessText } from "../net/kubernetes_readiness.ts";

const TEXT_CHARACTERS_MAX = 200;

interface SharedConfig {
  readonly cluster: ClusterConfig;
  /** A number of replicas, or a share of those that are wanted, 0..1. */
  readonly minReady: { readonly count: number } | { readonly share: number };
}

interface KubernetesConfig extends SharedConfig {
  readonly object: WrittenName;
}

const MIN_READY = z.union([
  z.number().int().min(0),
  z.string().regex(/^(100|[0-9]{1,2})%$/, 'expected a number or "75%"'),
]);

const SCHEMA = z.strictObject({
  kind: z.enum(KINDS),
  name: z.string().regex(DNS_NAME, "expected the name of one object"),
  /** The one of the context or the pod when absent, else "default". */
  namespace: z.string().regex(DNS_NAME, "expected the name of a namespace").optional(),
  min_ready: MIN_READY.default("100%"),
  ...CLUSTER_FIELDS,
}).transform((input, context): KubernetesConfig => {
  const { kind, name, namespace, min_ready: minReady, ...cluster } = input;
  const fault = clusterFault(cluster) ??
    (kind === "node" && namespace !== undefined ? "a node is in no namespace" : undefined);
  if (fault !== undefined) {
    context.addIssue({ code: "custom", message: fault });
    return z.NEVER;
  }
  return {
    object: { kind, name, ...(namespace === undefined ? {} : { namespace }) },
    cluster,
    minReady: typeof minReady === "number" ? { count: minReady } : { share: Number.parseInt(minReady) / 100 },
  };
});

export const KUBERNETES: Probe<KubernetesConfig> = {
  kind: "kubernetes",
  aliases: ["k8s"],
  summary: "readiness of a workload, a pod or a node of a Kubernetes cluster",
  schema: SCHEMA,
  example: `name: shop
pulse_check:
  type: kubernetes
  interval: 30s
  timeout: 5s
  config:
    kind: deployment
    namespace: shop
    name: web
    min_ready: 75%
    kubeconfig: /etc/cpra/kubeconfig
intervention:
  action: kubernetes
  timeout: 5m
  config: {action: restart, kind: deployment, namespace: shop, name: web, kubeconfig: /etc/cpra/kubeconfig}
`,
  descriptors: 1,
  estimateMs: 20,
  split: ({ object, ...shared }) => ({ target: targetOf(object), shared }),
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const { cluster: config, minReady } = request.config as SharedConfig;
  const access = await clusterAccess(config);
  if (typeof access === "string") {
    return { outcome: "local", reason: "local_fault", value: 0, text: access.slice(0, TEXT_CHARACTERS_MAX) };
  }
  const object: ObjectName = { namespace: access.namespace ?? "default", ...parseTarget(request.target) };
  const cluster = new Cluster(access, { signal, timeoutMs: request.timeoutMs });
  const startedMs = performance.now();
  const found = await cluster.call({ method: "GET", path: pathOf(object) }, READINESS[object.kind]);
  const firstByteUs = Math.round((performance.now() - startedMs) * 1000);
  if (!found.ok) {
    const text = oneLine(found.text).slice(0, TEXT_CHARACTERS_MAX);
    if (found.status === 404) return { outcome: "fail", reason: "missing", value: 0, text, firstByteUs };
    return { ...found.failure, text };
  }
  const { wanted, ready, stuck } = found.value;
  const least = "count" in minReady ? minReady.count : Math.ceil(wanted * minReady.share);
  const perfdata = [
    { label: "ready", value: ready, unit: "", min: 0, max: wanted },
    { label: "wanted", value: wanted, unit: "" },
  ];
  const text = oneLine(readinessText(found.value)).slice(0, TEXT_CHARACTERS_MAX);
  const verdict = ready >= least && !stuck
    ? { outcome: "pass", reason: "none" } as const
    : { outcome: "fail", reason: "state" } as const;
  return { ...verdict, value: 0, text, perfdata, firstByteUs };
}
