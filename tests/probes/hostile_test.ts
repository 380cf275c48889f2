/** Every kind of check that speaks over TCP against peers that mean no good: a verdict by the deadline, and nothing held. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { REASONS } from "../../src/model/outcome.ts";
import type { Probe } from "../../src/model/plugin.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { check } from "./check.ts";

const KINDS: readonly string[] = [
  ...["redis", "postgres", "mysql", "rabbitmq", "mqtt", "smtp", "imap", "ssh", "grpc", "mongodb", "kafka"],
];
/** Kinds that are given an address otherwise. */
const CONFIGS: Readonly<Record<string, (port: number) => unknown>> = {
  websocket: (port) => ({ url: `ws://127.0.0.1:${port}/` }),
};
const TIMEOUT_MS = 300;

/** What a peer does once it is connected; `wanted`: reasons that tell the truth about it. */
interface Peer {
  readonly name: string;
  readonly act: (socket: Socket) => void;
  readonly wanted: readonly (keyof typeof REASONS)[];
}

/** Answers as soon as the check speaks, or, where the server speaks first, at once. */
function once(act: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    let hasActed = false;
    const go = () => {
      if (!hasActed) act(socket);
      hasActed = true;
    };
    socket.on("data", go);
    setTimeout(go, 30);
  };
}

function flood(bytes: Uint8Array): (socket: Socket) => void {
  return once((socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on("drain", more);
    more();
  });
}

/** The same at every run: a check must come to the same end each time. */
function noise(bytes: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: bytes }, () => (state = (state * 1103515245 + 12345) >>> 0) >>> 24),
  );
}

const SAID: Peer["wanted"] = [
  "protocol",
  "not_serving",
  "login_refused",
  "status",
  "body_too_large",
  "tls_not_offered",
  "closed_early",
  "response_timeout",
];
const PEERS: readonly Peer[] = [
  { name: "silent", act: () => {}, wanted: ["response_timeout"] },
  { name: "closes at once", act: (socket) => socket.end(), wanted: ["closed_early", "reset"] },
  { name: "closes when spoken to", act: once((socket) => socket.end()), wanted: ["closed_early", "reset"] },
  { name: "resets", act: once((socket) => socket.resetAndDestroy()), wanted: ["reset", "closed_early"] },
  {
    name: "speaks HTTP",
    act: once((socket) => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
    wanted: SAID,
  },
  { name: "floods with zeros", act: flood(Buffer.alloc(65_536)), wanted: SAID },
  { name: "floods with 0xff", act: flood(Buffer.alloc(65_536, 0xff)), wanted: SAID },
  { name: "floods with lines", act: flood(Buffer.from("250-more\r\n".repeat(5000))), wanted: SAID },
  { name: "one line without an end", act: flood(Buffer.alloc(65_536, "x")), wanted: SAID },
  ...[1, 2, 3, 4, 5, 6].map((seed) => ({
    name: `noise ${seed}`,
    act: once((socket: Socket) => socket.write(noise(4096, seed))),
    wanted: SAID,
  })),
  {
    name: "control characters",
    act: once((socket) => socket.write("\x1b[2J\x07\x00-ERR\r\n\u2028".repeat(20))),
    wanted: SAID,
  },
];

function configOf(kind: string, port: number): unknown {
  return CONFIGS[kind]?.(port) ?? { host: "127.0.0.1", port };
}

for (const kind of [...KINDS, ...Object.keys(CONFIGS)]) {
  test(`${kind}: hostile peers get a true verdict by the deadline, and nothing is held`, async () => {
    const probe = PROBES.find((each) => each.kind === kind) as Probe;
    for (const { name, act, wanted } of PEERS) {
      await using server = await serveRaw((socket) => {
        socket.on("end", () => socket.destroy());
        act(socket);
      });
      const held = openSockets();
      const result = await check(probe, configOf(kind, server.port), { timeoutMs: TIMEOUT_MS });
      assert.equal(result.outcome, "fail", `${name}: ${JSON.stringify(result)}`);
      assert.ok(wanted.includes(result.reason), `${name}: ${JSON.stringify(result)}`);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(result.text ?? "", /[\x00-\x1f\x7f-\x9f\u2028]/, name);
      assert.ok((result.text ?? "").length <= 200, name);
      assert.ok(result.tookMs < TIMEOUT_MS + 500, `${name} took ${result.tookMs} ms`);
      assert.ok(
        await eventually(() => openSockets() <= held),
        `${name}: ${openSockets()} sockets, ${held} before`,
      );
    }
  });
}
