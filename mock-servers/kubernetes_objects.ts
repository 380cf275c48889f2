/** The objects of the mock Kubernetes API, and small controllers: what a spec asks for comes about a step every few ms. */
import { randomUUID } from "node:crypto";

export interface KubernetesObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly generation: number;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

/** What a request's path names. */
export interface ObjectRef {
  /** "" for v1, or "apps". */
  readonly group: string;
  /** Plural: "deployments". */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly scale: boolean;
}

const KIND_OF: Readonly<Record<string, string>> = {
  deployments: "Deployment",
  statefulsets: "StatefulSet",
  daemonsets: "DaemonSet",
  pods: "Pod",
  nodes: "Node",
};
const STEP_MS = 15;

export function parseObjectPath(path: string): ObjectRef | undefined {
  const node = /^\/api\/v1\/nodes\/([^/]+)$/.exec(path);
  if (node !== null) {
    return { group: "", resource: "nodes", namespace: "", name: node[1] as string, scale: false };
  }
  const pod = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/.exec(path);
  if (pod !== null) {
    return { group: "", resource: "pods", namespace: pod[1] as string, name: pod[2] as string, scale: false };
  }
  const workload =
    /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/(deployments|statefulsets|daemonsets)\/([^/]+)(\/scale)?$/.exec(
      path,
    );
  if (workload === null) return undefined;
  const [, namespace, resource, name, scale] = workload as unknown as [
    string,
    string,
    string,
    string,
    string?,
  ];
  if (resource === "daemonsets" && scale !== undefined) return undefined;
  return { group: "apps", resource, namespace, name, scale: scale !== undefined };
}

/** RFC 7386; what the strategic one does too with everything used here, which has no lists. */
export function mergePatch(into: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = typeof into === "object" && into !== null ? { ...into } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

export class ClusterState {
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Rollouts stay where they are: for deadlines. */
  paused = false;

  /** Adds an object that is as its spec wants it. `resource` is plural. */
  add(
    resource: string,
    name: string,
    more: {
      readonly namespace?: string;
      readonly spec?: Record<string, unknown>;
      readonly status?: Record<string, unknown>;
    } = {},
  ): void {
    const { namespace = resource === "nodes" ? "" : "default", spec = {}, status } = more;
    const group = resource === "pods" || resource === "nodes" ? "" : "apps";
    const object: KubernetesObject = {
      kind: KIND_OF[resource] as string,
      apiVersion: group === "" ? "v1" : "apps/v1",
      metadata: { name, uid: randomUUID(), generation: 1, ...(namespace === "" ? {} : { namespace }) },
      spec: group === "" ? spec : { selector: { matchLabels: { app: name } }, replicas: 1, ...spec },
      status: {},
    };
    const ready = { ...object, status: status ?? readyStatus(object) };
    this.#objects.set(keyOf({ group, resource, namespace, name, scale: false }), ready);
  }

  get(ref: ObjectRef): KubernetesObject | undefined {
    return this.#objects.get(keyOf(ref));
  }

  setStatus(resource: string, name: string, status: Record<string, unknown>): void {
    for (const [key, object] of this.#objects) {
      if (key.endsWith(`/${resource}/${name}`)) this.#objects.set(key, { ...object, status });
    }
  }

  /** A new spec: another generation, and the controller gets to work. */
  update(ref: ObjectRef, object: KubernetesObject): void {
    const generation = object.metadata.generation + 1;
    this.#objects.set(keyOf(ref), { ...object, metadata: { ...object.metadata, generation } });
    this.#after(STEP_MS, () => this.#rollOut(ref, 0));
  }

  /** The pod's controller makes it anew, under the same name, as a StatefulSet does. */
  remove(ref: ObjectRef): void {
    const object = this.#objects.get(keyOf(ref));
    this.#objects.delete(keyOf(ref));
    if (object === undefined || object.spec["controlled"] !== true) return;
    this.#after(
      2 * STEP_MS,
      () => this.add(ref.resource, ref.name, { namespace: ref.namespace, spec: { ...object.spec } }),
    );
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** The controller has seen the spec; one replica more is ready with each step. */
  #rollOut(ref: ObjectRef, updated: number): void {
    const object = this.#objects.get(keyOf(ref));
    if (object === undefined || this.paused) return;
    const wanted = Number(object.spec["replicas"] ?? 1);
    const counts = ref.resource === "daemonsets"
      ? { desiredNumberScheduled: wanted, updatedNumberScheduled: updated, numberAvailable: updated }
      : {
        replicas: wanted,
        updatedReplicas: updated,
        readyReplicas: updated,
        availableReplicas: updated,
        unavailableReplicas: wanted - updated,
      };
    const status = { observedGeneration: object.metadata.generation, ...counts };
    this.#objects.set(keyOf(ref), { ...object, status });
    if (updated < wanted) this.#after(STEP_MS, () => this.#rollOut(ref, updated + 1));
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }
}

function keyOf({ group, resource, namespace, name }: ObjectRef): string {
  return `${group}/${namespace}/${resource}/${name}`;
}

function readyStatus({ kind, metadata, spec }: KubernetesObject): Record<string, unknown> {
  const observedGeneration = metadata.generation;
  const replicas = Number(spec["replicas"] ?? 1);
  if (kind === "Pod") {
    return {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ state: { running: {} } }],
    };
  }
  if (kind === "Node") return { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] };
  if (kind === "DaemonSet") {
    return {
      observedGeneration,
      desiredNumberScheduled: replicas,
      updatedNumberScheduled: replicas,
      numberAvailable: replicas,
    };
  }
  return {
    observedGeneration,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  };
}
