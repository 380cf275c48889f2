/**
 * One connection to a mock target: reads requests one after the other (pipelined ones wait) and answers each under the
 * fault in force at that moment. Hot path of the fleet: no timers and no copies while all is well.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Random } from "../src/base/prng.ts";
import { answer } from "./target_answer.ts";
import type { SteadyFault } from "./target_faults.ts";
import { readRequest } from "./target_request.ts";

/** The target behind this connection, as the fleet sees it. */
export interface TargetSide {
  /** The fault in force now; `path` is undefined until a request has named one. */
  fault(path: string | undefined): SteadyFault;
  countRequest(): void;
  readonly random: Random;
}

const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/** More than this while an answer is pending is an attack on the mock's memory. */
const MAX_UNREAD_BYTES = 2 << 20;

export function serveConnection(socket: Socket, target: TargetSide): void {
  // A client that goes away is the client's business.
  socket.on("error", () => {});
  const onAccept = target.fault(undefined);
  if (onAccept.kind === "reset" && onAccept.at === "accept") return void socket.resetAndDestroy();

  let unread: Buffer | undefined;
  /** The fault under which the present answer is being given. */
  let answering: SteadyFault | undefined;
  let reading = false;
  let clientEnded = false;

  const done = () => {
    answering = undefined;
    readOn();
  };
  const readOn = () => {
    // An answer sent at once calls done() from inside the loop, which goes on by itself.
    if (reading) return;
    reading = true;
    while (unread !== undefined && answering === undefined) {
      const received: Buffer = unread;
      const request = readRequest(received);
      if (request === "more") break;
      if (request === "bad") return void socket.end(BAD_REQUEST);
      unread = request.bytes < received.length ? received.subarray(request.bytes) : undefined;
      target.countRequest();
      answering = target.fault(request.path);
      answer({ socket, request, received, fault: answering, random: target.random, done });
    }
    reading = false;
    if (clientEnded && answering === undefined) socket.end();
  };
  socket.on("data", (chunk: Buffer) => {
    unread = unread === undefined ? chunk : Buffer.concat([unread, chunk]);
    if (unread.length > MAX_UNREAD_BYTES) return void socket.resetAndDestroy();
    readOn();
  });
  socket.on("end", () => {
    clientEnded = true;
    // A client that closed looks like one that only ended its side: answering nothing must not keep the socket for ever.
    if (answering === undefined || answering.kind === "hang") socket.end();
  });
}
