import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { test } from "node:test";
import { UDP } from "../../src/probes/udp.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { freePort, missing, serviceFolder, startService } from "../support/service.ts";
import { check, refusal, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/sbin/dnsmasq": "dnsmasq-base" }) ?? false;

interface UdpServer extends AsyncDisposable {
  readonly port: number;
  readonly received: readonly string[];
}

function serveUdp(handle: (socket: Socket, message: Buffer, from: RemoteInfo) => void): Promise<UdpServer> {
  const socket = createSocket("udp4");
  const received: string[] = [];
  socket.on("error", () => {});
  socket.on("message", (message, from) => {
    received.push(message.toString("hex"));
    handle(socket, message, from);
  });
  return new Promise((resolve) =>
    socket.bind(0, host, () =>
      resolve({
        port: socket.address().port,
        received,
        [Symbol.asyncDispose]: () => new Promise((done) => socket.close(() => done())),
      }))
  );
}

test("udp: a real server answers what it is sent", { skip }, async () => {
  const port = await freePort();
  const folder = serviceFolder("udp");
  const settings = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"];
  await using _server = await startService({
    argv: [
      ...[
        "/usr/sbin/dnsmasq",
        "--keep-in-foreground",
        `--listen-address=${host}`,
        "--bind-interfaces",
        "-p",
        String(port),
      ],
      ...["--address=/up.example/192.0.2.1", ...settings],
    ] as unknown as [string, ...string[]],
    folder,
    port,
  });
  // A question for the A record of up.example, and its address in the answer.
  const send = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02up\x07example\x00\x00\x01\x00\x01";
  const on = { host, port, send, encoding: "bytes" };
  const held = openSockets();
  const result = await check(UDP, { ...on, expect: "\xc0\x00\x02\x01" });
  assert.equal(verdict(result), "pass none 0");
  assert.ok((result.firstByteUs ?? 0) > 0);
  assert.equal(verdict(await check(UDP, on)), "pass none 0");
  const other = await check(UDP, { ...on, expect: "\xc0\x00\x02\x02" }, { timeoutMs: 200 });
  assert.equal(verdict(other), "fail expect_mismatch 0");
  assert.match(other.text ?? "", /^received "\\u00124/);
  assert.ok(await eventually(() => openSockets() <= held));
});

test("udp: bytes, names, silence, floods and closed ports", async () => {
  await using echo = await serveUdp((socket, message, { port }) => socket.send(message, port, host));
  await using silent = await serveUdp(() => {});
  await using flood = await serveUdp((socket, _message, { port }) => {
    for (let i = 0; i < 300; i++) socket.send("\x1b[2Jno", port, host);
  });
  const held = openSockets();
  const send = { host, send: "a\xff", expect: "\xff" };
  assert.equal(verdict(await check(UDP, { ...send, port: echo.port })), "pass none 0");
  assert.equal(verdict(await check(UDP, { ...send, port: echo.port, encoding: "bytes" })), "pass none 0");
  assert.deepEqual(echo.received, ["61c3bf", "61ff"]);
  const named = await check(UDP, { ...send, host: "localhost", port: echo.port });
  assert.ok(named.outcome === "pass" && (named.dnsUs ?? 0) > 0);
  const cases: readonly [port: number, wanted: RegExp][] = [
    [silent.port, /^fail response_timeout 200$/],
    [flood.port, /^fail expect_mismatch 0$/],
    // Only Bun hears of a closed port.
    [await freePort(), /^fail (?:refused 0|response_timeout 200)$/],
  ];
  for (const [port, wanted] of cases) {
    const result = await check(UDP, { ...send, port }, { timeoutMs: 200 });
    assert.match(verdict(result), wanted);
    assert.ok(result.tookMs < 700);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(result.text ?? "", /[\x00-\x1f]/);
  }
  assert.ok(await eventually(() => openSockets() <= held));
  assert.match(refusal(UDP, { host, port: 1 }), /send/);
  assert.match(refusal(UDP, { host, port: 1, send: "" }), /answers only what it is sent/);
});
