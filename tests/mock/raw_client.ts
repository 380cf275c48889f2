/** A plain node:net client that says exactly what happened to one connection. */
import { Buffer } from "node:buffer";
import { connect } from "node:net";

export interface Seen {
  readonly connected: boolean;
  /** What came, as Latin-1. */
  readonly text: string;
  /** How it came to its end: FIN, an error code, or nothing more within the time, or enough bytes. */
  readonly end: "fin" | "silence" | "enough" | string;
}

export interface TalkOptions {
  readonly send?: string;
  /** Gives up after this time without a byte. */
  readonly silenceMs?: number;
  readonly enoughBytes?: number;
}

export const GET = "GET / HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n";

export function talk(
  place: { readonly host: string; readonly port: number },
  options: TalkOptions = {},
): Promise<Seen> {
  const { send = GET, silenceMs = 600, enoughBytes = Infinity } = options;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let connected = false;
    const socket = connect({ host: place.host, port: place.port, allowHalfOpen: true });
    const settle = (end: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ connected, text: Buffer.concat(chunks).toString("latin1"), end });
    };
    let timer = setTimeout(() => settle("silence"), silenceMs);
    socket.on("connect", () => {
      connected = true;
      if (send !== "") socket.write(send);
    });
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      clearTimeout(timer);
      if (bytes >= enoughBytes) return settle("enough");
      timer = setTimeout(() => settle("silence"), silenceMs);
    });
    socket.on("end", () => settle("fin"));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}
