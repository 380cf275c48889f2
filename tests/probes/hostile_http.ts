/** HTTP targets that do not behave, and what a check with 300 ms of each comes to, whichever engine runs it. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { serveRaw, type TestServer } from "../net/sockets.ts";

const drip = (socket: Socket, text: string) => {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++ % text.length] as string), 10);
  socket.on("close", () => clearInterval(timer));
};
const OK = "HTTP/1.1 200 OK\r\n";
export const HOSTILE: Readonly<Record<string, readonly [act: (socket: Socket) => void, verdict: string]>> = {
  silent: [() => {}, "fail response_timeout 300"],
  closes: [(socket) => socket.end(), "fail closed_early 0"],
  resets: [(socket) => socket.resetAndDestroy(), "fail reset 0"],
  halfway: [(socket) => socket.end(`${OK}Content-Length: 10\r\n\r\nabc`), "fail closed_early 0"],
  stalls: [(socket) => socket.write(`${OK}Content-Length: 10\r\n\r\nabc`), "fail response_timeout 300"],
  resetsInBody: [
    (socket) =>
      void socket.write(
        `${OK}Content-Length: 10\r\n\r\nabc`,
        () => setTimeout(() => socket.resetAndDestroy(), 20),
      ),
    "fail reset 0",
  ],
  drips: [(socket) => drip(socket, `${OK}X-Long: ${"a".repeat(5000)}`), "fail response_timeout 300"],
  dripsBody: [(socket) => (socket.write(`${OK}\r\n`), drip(socket, "x")), "fail response_timeout 300"],
  garbage: [(socket) => socket.end("\x16\x03garbage\xff\xfe", "latin1"), "fail protocol 0"],
  http09: [(socket) => socket.end("hello"), "fail protocol 0"],
  endlessHeaders: [(socket) => {
    socket.write(OK);
    const flood = () => {
      while (!socket.destroyed && socket.write("X-More: yes\r\n".repeat(500)));
    };
    socket.on("drain", flood);
    flood();
  }, "fail protocol 0"],
  endlessInterim: [
    (socket) => drip(socket, "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
    "fail response_timeout 300",
  ],
  hugeChunk: [
    (socket) => socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc`),
    "fail protocol 0",
  ],
  twoLengths: [
    (socket) => socket.end(`${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    "fail protocol 0",
  ],
  negative: [(socket) => socket.end(`${OK}Content-Length: -1\r\n\r\n`), "fail protocol 0"],
};

/** The first part of a request's path says which behaviour it gets. */
export function serveHostile(): Promise<TestServer> {
  return serveRaw((socket) => {
    socket.once("data", (request: Uint8Array) => {
      const name = Buffer.from(request).toString("latin1").split(/[ /]/)[2] as string;
      HOSTILE[name]?.[0](socket);
    });
  });
}
