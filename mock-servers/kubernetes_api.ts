/**
 * A Kubernetes API server as published, as far as readiness and repairs need it: apps/v1 workloads, v1 pods and nodes, in memory,
 * over TLS. It checks paths, methods, credentials (bearer token or client certificate), content types and bodies, and
 * answers with the Status objects of the real one. Small controllers bring status after spec, a step every few ms.
 * Sources: kubernetes.io, "Kubernetes API Concepts", "Using RBAC Authorization", API reference of apps/v1 and v1.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { discoveryOf } from "./kubernetes_discovery.ts";
import {
  ClusterState,
  type KubernetesObject,
  mergePatch,
  type ObjectRef,
  parseObjectPath,
} from "./kubernetes_objects.ts";

export interface KubernetesApiOptions {
  readonly port?: number;
  /** Absent: plain http that lets everybody in, as "kubectl proxy" offers it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Bearer tokens that are let in. */
  readonly tokens: readonly string[];
  /** Verbs that RBAC lets everybody have; all by default. */
  readonly verbs?: readonly string[];
}

export interface KubernetesRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

export interface KubernetesApi extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly KubernetesRequest[];
  readonly state: ClusterState;
  /** The next requests are answered with this status, or not at all. */
  failNext(status: number | "hang", times?: number): void;
}

const BODY_BYTES_MAX = 3 * 1024 * 1024;
const PATCH_TYPES = ["application/merge-patch+json", "application/strategic-merge-patch+json"];
const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

/** An answer that is no object: thrown through, rendered as a Status. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function startKubernetesApi(options: KubernetesApiOptions): Promise<KubernetesApi> {
  const requests: KubernetesRequest[] = [];
  const state = new ClusterState();
  const failures: (number | "hang")[] = [];
  const { tls } = options;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request);
    const { method = "", url = "" } = request;
    const contentType = request.headers["content-type"] ?? "";
    requests.push({ method, path: url, contentType, body });
    const failure = failures.shift();
    if (failure === "hang") return;
    try {
      if (failure !== undefined) throw new Refusal(failure, `told to fail with ${failure}`);
      if (tls !== undefined) authenticate(request, options.tokens);
      send(response, 200, answer({ method, url, contentType, body }, state, options.verbs));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(response, error.status, statusOf(error));
    }
  };
  const server = tls === undefined
    ? createHttpServer(handle)
    : createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, handle);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${
      typeof address === "object" && address !== null ? address.port : 0
    }`,
    requests,
    state,
    failNext: (status, times = 1) => failures.push(...Array.from({ length: times }, () => status)),
    [Symbol.asyncDispose]() {
      state.stop();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function authenticate(request: IncomingMessage, tokens: readonly string[]): void {
  const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (bearer !== undefined && tokens.includes(bearer)) return;
  if ((request.socket as TLSSocket).authorized) return;
  throw new Refusal(401, "Unauthorized");
}

interface Call {
  readonly method: string;
  readonly url: string;
  readonly contentType: string;
  readonly body: string;
}

const VERB_OF: Readonly<Record<string, string>> = {
  GET: "get",
  PATCH: "patch",
  DELETE: "delete",
  PUT: "update",
};

function answer(call: Call, state: ClusterState, verbs: readonly string[] | undefined): unknown {
  const { pathname, searchParams } = new URL(call.url, "https://kubernetes");
  const discovery = call.method === "GET" ? discoveryOf(pathname) : undefined;
  if (discovery !== undefined) return discovery;
  const ref = parseObjectPath(pathname);
  if (ref === undefined) throw new Refusal(404, "the server could not find the requested resource");
  const verb = VERB_OF[call.method];
  if (verb === undefined) {
    throw new Refusal(405, "the server does not allow this method on the requested resource");
  }
  if (verbs !== undefined && !verbs.includes(verb)) {
    const where = ref.namespace === "" ? "at the cluster scope" : `in the namespace "${ref.namespace}"`;
    throw new Refusal(
      403,
      `${ref.resource}.${
        ref.group === "" ? "" : ref.group
      } "${ref.name}" is forbidden: User "cpra" cannot ${verb} resource "${ref.resource}" in API group "${ref.group}" ${where}`,
    );
  }
  for (const key of searchParams.keys()) {
    if (
      !["fieldManager", "fieldValidation", "dryRun", "pretty", "timeout", "resourceVersion"].includes(key)
    ) {
      throw new Refusal(400, `unknown query parameter "${key}"`);
    }
  }
  const object = state.get(ref);
  if (object === undefined) {
    throw new Refusal(
      404,
      `${ref.resource}${ref.group === "" ? "" : `.${ref.group}`} "${ref.name}" not found`,
    );
  }
  if (verb === "get") return ref.scale ? scaleOf(object) : object;
  if (verb === "patch") return patch(call, ref, { state, object });
  if (verb === "delete") return remove(call, ref, { state, object });
  throw new Refusal(405, "the server does not allow this method on the requested resource");
}

interface Found {
  readonly state: ClusterState;
  readonly object: KubernetesObject;
}

function patch(call: Call, ref: ObjectRef, { state, object }: Found): unknown {
  if (!PATCH_TYPES.includes(call.contentType)) {
    throw new Refusal(
      415,
      `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, ${
        PATCH_TYPES.join(", ")
      }, application/apply-patch+yaml`,
    );
  }
  const changes = parseBody(call.body);
  const spec = changes["spec"];
  if (typeof spec !== "object" || spec === null) {
    throw new Refusal(422, `${ref.name} is invalid: spec: Required value`);
  }
  const replicas = (spec as Readonly<Record<string, unknown>>)["replicas"];
  if (ref.scale && typeof replicas !== "number") {
    throw new Refusal(422, `Scale "${ref.name}" is invalid: spec.replicas: Required value`);
  }
  if (replicas !== undefined && (!Number.isInteger(replicas) || (replicas as number) < 0)) {
    throw new Refusal(422, `"${ref.name}" is invalid: spec.replicas: must be greater than or equal to 0`);
  }
  state.update(ref, mergePatch(object, changes) as KubernetesObject);
  const after = state.get(ref) as KubernetesObject;
  return ref.scale ? scaleOf(after) : after;
}

function remove(call: Call, ref: ObjectRef, { state, object }: Found): unknown {
  if (call.body !== "") {
    const options = parseBody(call.body);
    const uid = (options["preconditions"] as { uid?: unknown } | undefined)?.uid;
    if (uid !== undefined && uid !== object.metadata.uid) {
      throw new Refusal(
        409,
        `Operation cannot be fulfilled on ${ref.resource} "${ref.name}": the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`,
      );
    }
  }
  state.remove(ref);
  return object;
}

function parseBody(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>;
    }
  } catch {
    // Said below.
  }
  throw new Refusal(400, "error decoding patch: the body is no JSON object");
}

/** autoscaling/v1 Scale, the form that the sub-resource speaks. */
function scaleOf(object: KubernetesObject): unknown {
  const { name, namespace, uid } = object.metadata;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid },
    spec: { replicas: object.spec["replicas"] },
    status: { replicas: object.status["replicas"] ?? 0 },
  };
}

function statusOf({ status: code, message }: Refusal): unknown {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: REASONS[code] ?? "",
    code,
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
