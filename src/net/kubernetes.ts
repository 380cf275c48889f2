/**
 * A thin client of the Kubernetes API for checks and remedies: JSON both ways, errors with the server's words. Over node:https
 * with the cluster's authority, because the official client cannot use one in Bun. Some calls a second at most.
 * Source: kubernetes.io, "Kubernetes API Concepts" and the API reference of apps/v1 and v1.
 */
import { oneLine } from "../base/log.ts";
import { type Schema, z } from "../base/schema.ts";
import { type Failure, failureOfCall } from "./failure.ts";
import { callHttp } from "./http_client.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

export const WORKLOADS = ["deployment", "statefulset", "daemonset"] as const;
export const KINDS = [...WORKLOADS, "pod", "node"] as const;
export type Kind = typeof KINDS[number];

export interface ObjectName {
  readonly kind: Kind;
  /** "" for a node. */
  readonly namespace: string;
  readonly name: string;
}

/** RFC 1123, as the API wants names: kubernetes.io, "Object Names and IDs". */
export const DNS_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export type ClusterAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | {
    readonly ok: false;
    /** 0 = no answer, and `failure` says why. */
    readonly status: number;
    readonly failure: Failure;
    /** The server's words. */
    readonly text: string;
  };

export interface ClusterCall {
  readonly method: "GET" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Of a patch: how the server is to merge it. */
  readonly contentType?: "application/strategic-merge-patch+json" | "application/merge-patch+json";
}

/** A list of a pod's conditions and statuses stays far below. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const STATUS = z.object({ message: z.string() });

/** How a monitor names an object; the namespace may be the cluster's business. */
export type WrittenName = Pick<ObjectName, "kind" | "name"> & { readonly namespace?: string };

/** For a row, and for people: "shop/deployment/web", or "deployment/web" in whatever namespace the access names. */
export function targetOf({ kind, name, namespace }: WrittenName): string {
  return `${namespace === undefined ? "" : `${namespace}/`}${kind}/${name}`;
}

/** What targetOf() wrote. */
export function parseTarget(target: string): WrittenName {
  const [name = "", kind, namespace] = target.split("/").reverse();
  return { kind: kind as Kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The path of an object. */
export function pathOf({ kind, namespace, name }: ObjectName): string {
  if (kind === "node") return `/api/v1/nodes/${name}`;
  const group = kind === "pod" ? "/api/v1" : "/apis/apps/v1";
  return `${group}/namespaces/${namespace}/${kind}s/${name}`;
}

export class Cluster {
  readonly #access: ClusterAccess;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;

  constructor(access: ClusterAccess, options: { readonly signal: AbortSignal; readonly timeoutMs: number }) {
    this.#access = access;
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs;
  }

  async call<T>(call: ClusterCall, schema: Schema<T>): Promise<ClusterAnswer<T>> {
    const { server, tls, token } = this.#access;
    const headers: [string, string][] = [["Accept", "application/json"]];
    if (token !== undefined) headers.push(["Authorization", `Bearer ${token}`]);
    if (call.body !== undefined) headers.push(["Content-Type", call.contentType ?? "application/json"]);
    const answer = await callHttp({
      method: call.method,
      url: server + call.path,
      headers,
      tls,
      answerLimitBytes: ANSWER_BYTES_MAX,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    }, this.#signal);
    if (answer.kind === "failure") {
      const failure = failureOfCall(answer, this.#timeoutMs);
      return { ok: false, status: 0, failure, text: `Kubernetes API: ${answer.text}` };
    }
    const body = parseJson(answer.body);
    if (answer.status < 200 || answer.status > 299) {
      const status = STATUS.safeParse(body);
      return {
        ok: false,
        status: answer.status,
        failure: { outcome: "fail", reason: "status", value: answer.status },
        text: status.success ? oneLine(status.data.message) : `Kubernetes API answered ${answer.status}`,
      };
    }
    const parsed = schema.safeParse(body);
    if (parsed.success) return { ok: true, value: parsed.data };
    return {
      ok: false,
      status: answer.status,
      failure: { outcome: "fail", reason: "protocol", value: 0 },
      text: "Kubernetes API: unexpected answer",
    };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
