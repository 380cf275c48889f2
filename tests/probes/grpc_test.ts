import assert from "node:assert/strict";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { connect, type Server as NetServer } from "node:net";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import grpc from "@grpc/grpc-js";
import { GRPC } from "../../src/probes/grpc.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, listen, openSockets } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const bytes = (message: Uint8Array) => Buffer.from(message);
const METHOD = {
  path: "/grpc.health.v1.Health/Check",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;
/** Service → its serving status; absent: NOT_FOUND, as the protocol wants it. */
const STATUSES: Readonly<Record<string, number>> = {
  "": 1,
  "shop.Inventory": 1,
  "shop.Orders": 2,
  "shop.New": 0,
};

interface GrpcServer extends Disposable {
  readonly port: number;
  readonly authorities: readonly string[];
}

/** The gRPC library's server with the health service; without `hasHealth`, with no service at all. */
function startGrpc(credentials: grpc.ServerCredentials, hasHealth = true): Promise<GrpcServer> {
  const server = new grpc.Server();
  const authorities: string[] = [];
  const answer: grpc.handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    authorities.push(call.getHost());
    // HealthCheckRequest { string service = 1; }
    const service = call.request.length === 0 ? "" : call.request.toString("utf8", 2);
    const status = STATUSES[service];
    if (status === undefined) callback({ code: grpc.status.NOT_FOUND, details: `no ${service} here` });
    else callback(null, status === 0 ? Buffer.alloc(0) : Buffer.of(8, status));
  };
  if (hasHealth) server.addService({ check: METHOD }, { check: answer });
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:0`, credentials, (error, port) => {
      if (error !== null) return reject(error);
      resolve({ port, authorities, [Symbol.dispose]: () => server.forceShutdown() });
    });
  });
}

test("grpc: the server and its services, on a real gRPC server", async () => {
  using server = await startGrpc(grpc.ServerCredentials.createInsecure());
  const { port } = server;
  const held = openSockets();
  const cases: readonly [config: object, wanted: string, text?: string][] = [
    [{}, "pass none 0"],
    [{ service: "shop.Inventory" }, "pass none 0"],
    [{ service: "shop.Orders" }, "fail not_serving 0", "NOT_SERVING"],
    [{ service: "shop.New" }, "fail not_serving 0", "UNKNOWN"],
    [{ service: "none" }, "fail not_serving 0", "gRPC status 5 no none here"],
    [{ authority: "inventory.example.com" }, "pass none 0"],
  ];
  for (const [config, wanted, text] of cases) {
    const result = await check(GRPC, { host, port, ...config });
    assert.deepEqual([verdict(result), result.text], [wanted, text], JSON.stringify(config));
  }
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  assert.equal(server.authorities.at(-1), "inventory.example.com");
  using bare = await startGrpc(grpc.ServerCredentials.createInsecure(), false);
  const result = await check(GRPC, { host, port: bare.port });
  assert.equal(verdict(result), "fail not_serving 0");
  assert.match(result.text ?? "", /^gRPC status 12 /);
});

test("grpc: over TLS, verified", async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  using server = await startGrpc(grpc.ServerCredentials.createInsecure());
  // The library's own TLS does not work in Deno.
  const front = createTlsServer({ ...good, ALPNProtocols: ["h2"] }, (socket) => {
    const behind = connect({ host, port: server.port });
    socket.on("error", () => behind.destroy()).on("close", () => behind.destroy()).pipe(behind);
    behind.on("error", () => socket.destroy()).pipe(socket);
  });
  front.on("tlsClientError", () => {});
  await using tls = await listen(front, host);
  const on = { host, port: tls.port, tls: true };
  const held = openSockets();
  const result = await check(GRPC, { ...on, ca });
  assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined]);
  assert.equal(verdict(await check(GRPC, on)), "fail tls_untrusted 0");
  assert.equal(verdict(await check(GRPC, { ...on, ca, service: "shop.Orders" })), "fail not_serving 0");
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
});

test("grpc: HTTP/2 that is no gRPC is told", async () => {
  const answers: readonly [path: string, wanted: string][] = [
    ["503", "fail status 503"],
    ["200", "fail protocol 0"],
    ["flood", "fail body_too_large 1024"],
    ["hang", "fail response_timeout 300"],
    ["cut", "fail closed_early 0"],
  ];
  for (const [kind, wanted] of answers) {
    const http2 = createServer();
    http2.on("sessionError", () => {});
    http2.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => {});
      if (kind === "hang") return;
      if (kind === "cut") return void stream.session?.destroy();
      stream.respond({ ":status": kind === "503" ? 503 : 200, "content-type": "application/grpc" });
      stream.end(kind === "flood" ? Buffer.alloc(100_000) : "");
    });
    await using server = await listen(http2 as unknown as NetServer, host);
    const result = await check(GRPC, { host, port: server.port }, { timeoutMs: 300 });
    assert.equal(verdict(result), wanted, `${kind} ${result.text}`);
    assert.ok(result.tookMs < 800);
  }
});
