/**
 * The control endpoint of the mock fleet: HTTP and JSON on 127.0.0.1, for shells, remedies and the demo.
 *
 *   POST /faults        {"match": {"index": 7}, "fault": {"kind": "slow", "delayMs": 300}, "forSeconds": 20}
 *                       also "path", "resistRepairs", "repairSeconds"; the fault {"kind": "up"} clears
 *   POST /repair/7      what a remedy calls: 200 when the target is well again, 503 when this attempt did not help
 *   GET  /targets/7     where it lives, what is wrong with it, its counters
 *   GET  /stats         totals, processor time, and which targets have a fault (the first 1,000)
 *
 * What is malformed gets 400 with every problem named; nothing is guessed.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Schema, z } from "../src/base/schema.ts";
import { type Fault, FAULT_SCHEMA } from "./target_faults.ts";
import { MATCH_SCHEMA, type TargetMatch } from "./target_match.ts";
import { type FaultTerms, TargetError, type Targets } from "./target_types.ts";

export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const MAX_BODY_BYTES = 65_536;
const MAX_FAULTY_LISTED = 1000;

interface FaultOrder {
  readonly match: TargetMatch;
  readonly fault: Fault;
  readonly forSeconds?: number | undefined;
  readonly path?: string | undefined;
  readonly resistRepairs?: number | undefined;
  readonly repairSeconds?: number | undefined;
}

const ORDER_SCHEMA: Schema<FaultOrder> = z.strictObject({
  match: MATCH_SCHEMA,
  fault: FAULT_SCHEMA,
  forSeconds: z.number().gt(0).max(86_400).optional(),
  path: z.string().startsWith("/").optional(),
  resistRepairs: z.number().int().min(0).max(1000).optional(),
  repairSeconds: z.number().min(0).max(600).optional(),
});

/** Port 0 lets the kernel choose. Throws when the port is taken. */
export function openControl(targets: Targets, port: number): Promise<ControlServer> {
  const startedCpu = process.cpuUsage();
  const server = createServer((request, response) => {
    respond({ targets, request, response, startedCpu }).catch((error: unknown) => {
      reply(response, 500, { error: error instanceof Error ? error.message : String(error) });
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`Cannot listen on ${HOST}:${port}: ${error.message}`)));
    server.listen({ host: HOST, port }, () => {
      resolve({
        url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

interface ControlCall {
  readonly targets: Targets;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly startedCpu: NodeJS.CpuUsage;
}

async function respond(call: ControlCall): Promise<void> {
  const { targets, request, response } = call;
  const route = `${request.method} ${(request.url ?? "/").replace(/\?.*$/, "")}`;
  if (route === "GET /stats") return reply(response, 200, statistics(call));
  if (route === "POST /faults") return await setFaults(call);
  const one = /^(GET \/targets|POST \/repair)\/(\d+)$/.exec(route);
  if (one === null) {
    return reply(response, 404, {
      error: `no ${route}: POST /faults, POST /repair/N, GET /targets/N, GET /stats`,
    });
  }
  const index = Number(one[2]);
  if (index >= targets.count) {
    return reply(response, 404, { error: `no target ${index}: there are ${targets.count}` });
  }
  if (one[1] === "GET /targets") return reply(response, 200, describe(targets, index));
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const repaired = await targets.repair(index, gone.signal);
  reply(response, repaired ? 200 : 503, { index, repaired });
}

async function setFaults(call: ControlCall): Promise<void> {
  const { targets, request, response } = call;
  const text = await readBody(request);
  if (text === undefined) return reply(response, 413, { error: `body larger than ${MAX_BODY_BYTES} bytes` });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return reply(response, 400, { error: `body is no JSON: ${(error as Error).message}` });
  }
  const order = ORDER_SCHEMA.safeParse(value);
  if (!order.success) {
    const problems = order.error.issues.map((issue) => ({
      path: issue.path.join("."),
      message: issue.message,
    }));
    return reply(response, 400, { error: "malformed order", problems });
  }
  try {
    await targets.set(order.data.match, order.data.fault, termsOf(order.data));
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    return reply(response, 400, { error: error.message });
  }
  reply(response, 200, { faulty: targets.stats().faulty });
}

function termsOf(order: FaultOrder): FaultTerms {
  return {
    ...(order.forSeconds === undefined ? {} : { forMs: order.forSeconds * 1000 }),
    ...(order.path === undefined ? {} : { path: order.path }),
    resistRepairs: order.resistRepairs ?? 0,
    repairMs: (order.repairSeconds ?? 0) * 1000,
  };
}

/** Processor time is the whole process's: per request it means something when the fleet has a process of its own. */
function statistics(call: ControlCall): unknown {
  const { accepted, requests, faulty, repaired, repairsFailed } = call.targets.stats();
  const cpu = process.cpuUsage(call.startedCpu);
  const cpuUs = cpu.user + cpu.system;
  const faults = [...call.targets.faulty().take(MAX_FAULTY_LISTED)].map((index) =>
    describe(call.targets, index)
  );
  return {
    targets: call.targets.count,
    accepted,
    requests,
    cpuUs,
    cpuUsPerRequest: requests === 0 ? 0 : Math.round(cpuUs / requests * 10) / 10,
    repaired,
    repairsFailed,
    faulty,
    faults,
  };
}

function describe(targets: Targets, index: number): unknown {
  const { acceptedBy, requestsBy } = targets.stats();
  return {
    ...targets.addressOf(index),
    fault: targets.faultOf(index),
    accepted: acceptedBy[index],
    requests: requestsBy[index],
  };
}

/** Undefined when it is larger than allowed. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
