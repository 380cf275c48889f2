/**
 * Whether an object of a cluster is ready, by the rules of `kubectl rollout status` and of a pod's and a node's conditions.
 * Source: kubernetes.io, API reference of apps/v1 and v1, and "Deployment status".
 */
import { type Schema, z } from "../base/schema.ts";
import type { Kind } from "./kubernetes.ts";

export interface Readiness {
  /** What the spec asks for: replicas, nodes to run on, 1 for a pod or a node. */
  readonly wanted: number;
  /** Of the newest revision. */
  readonly updated: number;
  readonly ready: number;
  /** False while the controller has not seen the newest spec. */
  readonly observed: boolean;
  /** Waiting cannot change it: the rollout's deadline has passed. */
  readonly stuck: boolean;
  /** What stands in the way, for people; "" = nothing known. */
  readonly why: string;
  /** Identity of this very object, not of one with its name. */
  readonly uid: string;
}

const CONDITIONS = z.array(z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
})).default([]);
const COUNT = z.number().int().min(0).default(0);
const METADATA = z.object({ uid: z.string(), generation: z.number().default(0) });

const WORKLOAD = z.object({
  metadata: METADATA,
  spec: z.object({ replicas: z.number().int().default(1) }),
  status: z.object({
    observedGeneration: z.number().default(0),
    updatedReplicas: COUNT,
    readyReplicas: COUNT,
    availableReplicas: COUNT,
    conditions: CONDITIONS,
  }).prefault({}),
});

const DEPLOYMENT = WORKLOAD.transform(({ metadata, spec, status }): Readiness => {
  const progressing = status.conditions.find(({ type }) => type === "Progressing");
  const stuck = progressing?.status === "False" && progressing.reason === "ProgressDeadlineExceeded";
  const failing = status.conditions.find(({ type, status: is }) =>
    type === "ReplicaFailure" && is === "True"
  );
  return {
    wanted: spec.replicas,
    updated: status.updatedReplicas,
    ready: status.availableReplicas,
    observed: status.observedGeneration >= metadata.generation,
    stuck,
    why: failing?.message ?? (stuck ? progressing.message ?? "the rollout's deadline has passed" : ""),
    uid: metadata.uid,
  };
});

const STATEFULSET = WORKLOAD.transform(({ metadata, spec, status }): Readiness => ({
  wanted: spec.replicas,
  updated: status.updatedReplicas,
  ready: status.readyReplicas,
  observed: status.observedGeneration >= metadata.generation,
  stuck: false,
  why: "",
  uid: metadata.uid,
}));

const DAEMONSET = z.object({
  metadata: METADATA,
  status: z.object({
    observedGeneration: z.number().default(0),
    desiredNumberScheduled: COUNT,
    updatedNumberScheduled: COUNT,
    numberAvailable: COUNT,
  }).prefault({}),
}).transform(({ metadata, status }): Readiness => ({
  wanted: status.desiredNumberScheduled,
  updated: status.updatedNumberScheduled,
  ready: status.numberAvailable,
  observed: status.observedGeneration >= metadata.generation,
  stuck: false,
  why: "",
  uid: metadata.uid,
}));

const WAITING = z.object({
  state: z.object({ waiting: z.object({ reason: z.string().optional() }).optional() }).optional(),
});

const POD = z.object({
  metadata: METADATA,
  status: z.object({
    phase: z.string().default("Unknown"),
    conditions: CONDITIONS,
    containerStatuses: z.array(WAITING).default([]),
  }).prefault({}),
}).transform(({ metadata, status }): Readiness => {
  const ready = status.conditions.find(({ type }) => type === "Ready");
  const waiting = status.containerStatuses.map(({ state }) => state?.waiting?.reason).find((reason) =>
    reason
  );
  return {
    ...one(status.phase === "Running" && ready?.status === "True"),
    why: waiting ?? ready?.reason ?? status.phase,
    uid: metadata.uid,
  };
});

const NODE = z.object({
  metadata: METADATA,
  status: z.object({ conditions: CONDITIONS }).prefault({}),
}).transform(({ metadata, status }): Readiness => {
  const ready = status.conditions.find(({ type }) => type === "Ready");
  return { ...one(ready?.status === "True"), why: ready?.reason ?? "", uid: metadata.uid };
});

/** Schemas of the answer to a GET of one object. */
export const READINESS: Readonly<Record<Kind, Schema<Readiness>>> = {
  deployment: DEPLOYMENT,
  statefulset: STATEFULSET,
  daemonset: DAEMONSET,
  pod: POD,
  node: NODE,
};

function one(ready: boolean): Omit<Readiness, "why" | "uid"> {
  return { wanted: 1, updated: 1, ready: ready ? 1 : 0, observed: true, stuck: false };
}

/** For people: "2 of 3 ready: ImagePullBackOff". */
export function readinessText({ wanted, ready, why }: Readiness): string {
  return `${ready} of ${wanted} ready${ready < wanted && why !== "" ? `: ${why}` : ""}`;
}
