/**
 * Repairs in a Kubernetes cluster: restarts the pods of a workload one after another (as `kubectl rollout restart` does), scales
 * it, or deletes one pod that its controller makes anew; and waits until that has come about. Rare and slow (minutes).
 * Acts on the one object it names. Needs "get" and "patch" (restart, scale) or "delete" (pods) on it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { z } from "../base/schema.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { CLUSTER_FIELDS, clusterAccess, type ClusterConfig, clusterFault } from "../net/kubeconfig.ts";
import {
  Cluster,
  type ClusterAnswer,
  type ClusterCall,
  DNS_NAME,
  type ObjectName,
  parseTarget,
  pathOf,
  targetOf,
  WORKLOADS,
  type WrittenName,
} from "../net/kubernetes.ts";
import { READINESS, type Readiness, readinessText } from "../net/kubernetes_readiness.ts";

const ACTIONS = ["restart", "scale", "delete"] as const;
const REPLICAS_MAX = 10_000;
const POLL_MS = 500;

interface SharedConfig {
  readonly action: typeof ACTIONS[number];
  readonly replicas: number;
  readonly cluster: ClusterConfig;
}

interface KubernetesConfig extends SharedConfig {
  readonly object: WrittenName;
}

const CONFIG = z.strictObject({
  action: z.enum(ACTIONS),
  kind: z.enum([...WORKLOADS, "pod"]),
  name: z.string().regex(DNS_NAME, "expected the name of one object"),
  /** The one of the context or the pod when absent, else "default". */
  namespace: z.string().regex(DNS_NAME, "expected the name of a namespace").optional(),
  replicas: z.number().int().min(1).max(REPLICAS_MAX).optional(),
  ...CLUSTER_FIELDS,
});

const SCHEMA = CONFIG.transform((input, context): KubernetesConfig => {
  const { action, kind, name, namespace, replicas, ...cluster } = input;
  const fault = clusterFault(cluster) ?? actionFault(input);
  if (fault !== undefined) {
    context.addIssue({ code: "custom", message: fault });
    return z.NEVER;
  }
  const object = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
  return { action, object, replicas: replicas ?? 0, cluster };
});

function actionFault({ action, kind, replicas }: z.output<typeof CONFIG>): string | undefined {
  if (action === "delete" && kind !== "pod") return `only a pod can be deleted, not a ${kind}`;
  if (action !== "delete" && kind === "pod") {
    return `a pod can only be deleted, which its controller answers with a new one`;
  }
  if (action === "scale" && kind === "daemonset") return "a daemonset cannot be scaled";
  if (action === "scale" && replicas === undefined) return "scale needs replicas";
  return action !== "scale" && replicas !== undefined ? "replicas belongs to scale" : undefined;
}

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: kubernetes
  timeout: 5m
  config:
    action: restart
    kind: deployment
    namespace: shop
    name: web
    server: https://kubernetes.example.com:6443
    ca_file: /etc/cpra/cluster-ca.crt
    token_file: /etc/cpra/cluster-token
`;

export const KUBERNETES: Remedy<KubernetesConfig> = {
  kind: "kubernetes",
  aliases: ["k8s"],
  summary: "restart or scale a workload of a Kubernetes cluster, or delete a pod of it",
  schema: SCHEMA,
  example: EXAMPLE,
  split: ({ object, ...shared }) => ({ target: targetOf(object), shared }),
  descriptors: 1,
  estimateMs: 30_000,
  describe(target, config) {
    const { action, replicas } = config as SharedConfig;
    const { kind, name, namespace } = parseTarget(target);
    const what = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
    return action === "scale" ? `scale ${what} to ${replicas}` : `${action} ${what}`;
  },
  run,
};

async function run(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const config = request.config as SharedConfig;
  const access = await clusterAccess(config.cluster);
  if (typeof access === "string") return { ok: false, retryable: false, text: access };
  const object: ObjectName = { namespace: access.namespace ?? "default", ...parseTarget(request.target) };
  const cluster = new Cluster(access, { signal, timeoutMs: request.timeoutMs });
  const look = () => cluster.call({ method: "GET", path: pathOf(object) }, READINESS[object.kind]);
  const before = await look();
  if (!before.ok) return failed(before, signal);
  const acted = await cluster.call(callOf(object, config, before.value), z.unknown());
  if (!acted.ok) return failed(acted, signal);
  const done = config.action === "scale"
    ? `scaled ${object.kind} ${object.name} to ${config.replicas}`
    : `${config.action === "delete" ? "deleted" : "restarted"} ${object.kind} ${object.name}`;
  return await settle({ look, done, isDone: doneTest(config, before.value), signal });
}

function callOf(object: ObjectName, { action, replicas }: SharedConfig, before: Readiness): ClusterCall {
  const path = pathOf(object);
  switch (action) {
    case "restart": {
      // The annotation that kubectl sets, so that "kubectl rollout history" tells it the same way.
      const annotations = {
        "kubectl.kubernetes.io/restartedAt": new Date(SYSTEM_CLOCK.wallMs()).toISOString(),
      };
      return {
        method: "PATCH",
        path: `${path}?fieldManager=cpra`,
        contentType: "application/strategic-merge-patch+json",
        body: { spec: { template: { metadata: { annotations } } } },
      };
    }
    case "scale":
      return {
        method: "PATCH",
        path: `${path}/scale?fieldManager=cpra`,
        contentType: "application/merge-patch+json",
        body: { spec: { replicas } },
      };
    case "delete":
      // This very pod: one that has taken its name meanwhile is another.
      return {
        method: "DELETE",
        path,
        body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: before.uid } },
      };
  }
}

/** `now` is undefined when the object is gone. */
function doneTest(config: SharedConfig, before: Readiness): (now: Readiness | undefined) => boolean {
  if (config.action === "delete") return (now) => now === undefined || now.uid !== before.uid;
  return (now) => {
    if (now === undefined || !now.observed) return false;
    const wanted = config.action === "scale" ? config.replicas : now.wanted;
    return now.wanted === wanted && now.updated >= wanted && now.ready >= wanted;
  };
}

interface Settling {
  readonly look: () => Promise<ClusterAnswer<Readiness>>;
  readonly isDone: (now: Readiness | undefined) => boolean;
  readonly done: string;
  readonly signal: AbortSignal;
}

async function settle({ look, isDone, done, signal }: Settling): Promise<RemedyResult> {
  let state = "";
  for (;;) {
    const now = await look();
    if (now.ok || now.status === 404) {
      const seen = now.ok ? now.value : undefined;
      state = seen === undefined ? "" : ` (${readinessText(seen)})`;
      if (isDone(seen)) return { ok: true, retryable: false, text: `${done}${state}` };
      if (seen?.stuck === true) {
        return { ok: false, retryable: false, text: `${done}, but it is stuck${state}` };
      }
    } else if (!signal.aborted && now.status !== 0 && now.status < 500 && now.status !== 429) {
      return failed(now, signal);
    }
    if (signal.aborted) {
      return {
        ok: false,
        retryable: false,
        text: `${done}, but it had not come about when the time was up${state}`,
      };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/** 409 and 5xx may pass, as may a server that is away; what the server forbids or does not know stays. */
function failed(answer: Extract<ClusterAnswer<unknown>, { ok: false }>, signal: AbortSignal): RemedyResult {
  const { status, text } = answer;
  const retryable = status === 0 ? !signal.aborted : status === 409 || status === 429 || status >= 500;
  return { ok: false, retryable, text };
}
