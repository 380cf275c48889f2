/**
 * One exchange over a connected socket: send something, take what comes until it is enough, the peer ends, an error or the
 * signal. Frees the socket in every case, so that an exchange cannot leave a descriptor behind.
 */
import type { Socket } from "node:net";
import { freeSocket } from "./connect.ts";
import { codeOf } from "./failure.ts";
import { freeTls } from "./tls.ts";

export interface Talk {
  readonly send?: string | Uint8Array;
  /** Takes the next bytes, valid during the call; true = enough. Absent: it is enough to have sent. */
  readonly take?: (chunk: Uint8Array) => boolean;
}

export type TalkEnd =
  | { readonly kind: "enough" }
  /** The peer closed its side before it was enough. */
  | { readonly kind: "ended" }
  | { readonly kind: "aborted" }
  | { readonly kind: "error"; readonly code: string };

/** Never rejects. `below` is the TCP socket when `socket` is TLS on top of it. */
export function talk(
  sockets: { socket: Socket; below?: Socket },
  talk: Talk,
  signal: AbortSignal,
): Promise<TalkEnd> {
  const { socket, below } = sockets;
  const { send, take } = talk;
  return new Promise((settle) => {
    let settled = false;
    const give = (end: TalkEnd) => {
      if (settled) return;
      settled = true;
      signal.removeEventListener("abort", onAbort);
      if (below === undefined) freeSocket(socket);
      else freeTls(socket, below);
      settle(end);
    };
    const onAbort = () => give({ kind: "aborted" });
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => give({ kind: "error", code: codeOf(error) }));
    socket.on("end", () => give({ kind: "ended" }));
    socket.on("close", () => give({ kind: "ended" }));
    if (take === undefined) {
      if (send === undefined) return give({ kind: "enough" });
      socket.write(send, () => give({ kind: "enough" }));
      return;
    }
    socket.on("data", (chunk: Uint8Array) => {
      if (!settled && take(chunk)) give({ kind: "enough" });
    });
    if (send !== undefined) socket.write(send);
  });
}
