/**
 * What all sinks share: an HTTP server that records every request, and faults on purpose, set by a function or over
 * `POST /__control`. A sink states only how it answers when it behaves.
 *
 *   POST /__control {"fault": {"kind": "rate_limit", "retryAfter": 5}, "times": 3}    the next 3 requests
 *   POST /__control {"fault": {"kind": "status", "status": 500}}                      until told
 *   POST /__control {"fault": null}                                                   behave again
 *   GET  /__control                                                                  what was received
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type SinkFault =
  /** 429; `retryAfter` is written as it is: seconds or an HTTP-date. */
  | { readonly kind: "rate_limit"; readonly retryAfter?: number | string }
  | { readonly kind: "status"; readonly status: number }
  /** Behaves, but after this time. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Sends half of an answer that looks like a success, then cuts the connection. */
  | { readonly kind: "cut_off" }
  /** Reads the request and says nothing. */
  | { readonly kind: "no_answer" };

export interface SinkRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly receivedAtMs: number;
}

export interface SinkAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SinkRecord extends SinkRequest {
  /** The status that was sent, or the fault that was done instead. */
  readonly outcome: number | SinkFault["kind"];
}

export interface SinkOptions {
  readonly host?: string;
  readonly port?: number;
}

export interface Sink {
  readonly host: string;
  readonly port: number;
  /** Without a path or trailing slash. */
  readonly url: string;
  /** Oldest first; the last RECORDS_MAX. */
  readonly requests: readonly SinkRecord[];
  /** For the next `times` requests, or until told otherwise; null behaves again. */
  setFault(fault: SinkFault | null, times?: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const RECORDS_MAX = 100_000;
const BODY_BYTES_MAX = 1_048_576;

export async function startSink(
  options: SinkOptions,
  answer: (request: SinkRequest) => SinkAnswer,
): Promise<Sink> {
  const records: SinkRecord[] = [];
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const faults = createFaults();
  const record = (request: SinkRequest, outcome: SinkRecord["outcome"]) => {
    records.push({ ...request, outcome });
    if (records.length > RECORDS_MAX) records.shift();
  };

  const serve = (request: SinkRequest, response: ServerResponse) => {
    const now = faults.take();
    if (now?.kind === "rate_limit" || now?.kind === "status") {
      const status = now.kind === "status" ? now.status : 429;
      const retryAfter = now.kind === "rate_limit" ? now.retryAfter : undefined;
      record(request, status);
      return send(response, {
        status,
        body: "",
        headers: retryAfter === undefined ? {} : { "Retry-After": `${retryAfter}` },
      });
    }
    if (now?.kind === "cut_off") {
      record(request, now.kind);
      response.writeHead(202, { "Content-Length": "1000", "Content-Type": "application/json" });
      response.write('{"status":', () => response.socket?.destroy());
      return;
    }
    if (now?.kind === "no_answer") return record(request, now.kind);
    const good = answer(request);
    record(request, now?.kind ?? good.status);
    if (now?.kind !== "slow") return send(response, good);
    const timer = setTimeout(() => {
      timers.delete(timer);
      send(response, good);
    }, now.delayMs);
    timers.add(timer);
  };

  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming);
    if (request === undefined) return send(response, { status: 413, body: "" });
    if (request.path !== "/__control") return serve(request, response);
    if (request.method === "GET") {
      return send(response, json(200, { fault: faults.current(), requests: records }));
    }
    const order = parseControl(request.body);
    if (typeof order === "string") return send(response, json(400, { error: order }));
    faults.set(order.fault, order.times);
    send(response, json(200, { fault: order.fault }));
  });
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;

  return {
    host,
    port,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    requests: records,
    setFault: faults.set,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The fault in force, and for how many more requests. */
function createFaults() {
  let fault: SinkFault | null = null;
  let timesLeft = Infinity;
  return {
    set(next: SinkFault | null, times = Infinity) {
      fault = next;
      timesLeft = times;
    },
    current: () => timesLeft > 0 ? fault : null,
    take(): SinkFault | null {
      if (timesLeft <= 0) return null;
      timesLeft--;
      return fault;
    },
  };
}

export function json(status: number, value: unknown): SinkAnswer {
  return { status, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) };
}

function send(response: ServerResponse, answer: SinkAnswer): void {
  response.writeHead(answer.status, {
    ...answer.headers,
    "Content-Length": String(Buffer.byteLength(answer.body)),
  });
  response.end(answer.body);
}

/** Undefined when the body is larger than any alert. */
async function readRequest(incoming: IncomingMessage): Promise<SinkRequest | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  return {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    headers,
    body: Buffer.concat(chunks).toString("utf8"),
    receivedAtMs: Date.now(),
  };
}

/** The order, or what is wrong with it. */
function parseControl(body: string): { fault: SinkFault | null; times: number } | string {
  let order: unknown;
  try {
    order = JSON.parse(body);
  } catch {
    return "expected JSON";
  }
  if (!isRecord(order) || !("fault" in order)) return 'expected {"fault": {…} or null, "times": 3}';
  const times = order["times"] ?? Infinity;
  if (typeof times !== "number" || times < 1) {
    return `times: expected a number of at least 1, found ${JSON.stringify(times)}`;
  }
  const fault = order["fault"];
  if (fault !== null && !isFault(fault)) {
    return `fault: expected rate_limit {retryAfter?}, status {status}, slow {delayMs}, cut_off or no_answer, found ${
      JSON.stringify(fault)
    }`;
  }
  return { fault, times };
}

function isFault(value: unknown): value is SinkFault {
  if (!isRecord(value)) return false;
  const { kind, status, delayMs, retryAfter } = value;
  if (kind === "rate_limit") return ["undefined", "number", "string"].includes(typeof retryAfter);
  if (kind === "status") return typeof status === "number" && status >= 200 && status <= 599;
  if (kind === "slow") return typeof delayMs === "number" && delayMs >= 0;
  return kind === "cut_off" || kind === "no_answer";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
