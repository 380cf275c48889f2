/** For tests of network code: servers on port 0, and the sockets this process holds. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
}

/** A raw TCP server; every connection still open is destroyed at the end. */
export function serveRaw(
  handle: (socket: Socket) => void,
  options: { host?: string; port?: number } = {},
): Promise<TestServer> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    handle(socket);
    // A socket that nobody reads does not notice that its other end was reset.
    socket.resume();
  });
  return listen(server, options.host ?? "127.0.0.1", options.port);
}

/** The same on a unix socket in a temporary folder of its own; it closes when its peer does, since no reset tells it. */
export async function serveUnix(
  handle: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-sock-"));
  const path = join(folder, "s");
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    handle(socket);
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function listen(server: Server, host: string, port = 0): Promise<TestServer> {
  const open = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket: Socket) => {
    accepted++;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (typeof address !== "object" || address === null) return reject(new Error("no port"));
      resolve({
        port: address.port,
        accepted: () => accepted,
        [Symbol.asyncDispose]: () => {
          for (const socket of open) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    });
  });
}

/** Descriptors of this process that are sockets, both ends of connections within it counted. */
export function openSockets(): number {
  let count = 0;
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:")) count++;
    } catch {
      // Closed between the listing and the look.
    }
  }
  return count;
}

/** Polls until it holds, at most `limitMs`; the other end of a connection takes a moment to learn of its end. */
export async function eventually(holds: () => boolean, limitMs = 3000): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}
