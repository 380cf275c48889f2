/**
 * One listening socket of the mock fleet, which can be really closed (clients get ECONNREFUSED), left unaccepted (clients
 * hang in connect) and opened again on the same port. While it is closed another process could take the port; the fleet's
 * own addresses (127.1.0.1 …) make that unlikely.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type IdleListener, openIdleListener } from "../src/host/idle_listener.ts";
import {
  type Fault,
  faultAt,
  flapAt,
  type ListenMode,
  listenModeOf,
  needsListener,
} from "./target_faults.ts";

const BACKLOG = 4096;

export interface TargetListener {
  readonly host: string;
  readonly port: number;
  /** The fault that decides about this socket; undefined: it is simply open. */
  readonly held: Fault | undefined;
  /** Settles when the socket is as the fault has it now; a flapping one is followed until the next call. */
  follow(fault: Fault): Promise<void>;
  /** Resets what is connected. */
  close(): Promise<void>;
}

interface Place {
  readonly host: string;
  /** 0: the kernel chooses, once; later openings take the same port again. */
  readonly port: number;
}

export async function openTargetListener(
  place: Place,
  onConnection: (socket: Socket) => void,
): Promise<TargetListener> {
  const sockets = new Set<Socket>();
  let open: OpenSocket | undefined = await openServer(place, { sockets, onConnection });
  const fixed = { host: place.host, port: open.port };
  let mode: ListenMode = "open";
  let held: Fault | undefined;
  let edge: ReturnType<typeof setTimeout> | undefined;
  let work: Promise<void> = Promise.resolve();

  const shut = async () => {
    const closed = open?.close();
    open = undefined;
    // A process that dies takes its connections with it.
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  const change = async (next: ListenMode) => {
    if (next === mode) return;
    await shut();
    // Should the opening fail, the port is what it is now: refused.
    mode = "refused";
    if (next === "open") open = await openServer(fixed, { sockets, onConnection });
    else if (next === "unaccepted") open = idleSocket(await openIdleListener(fixed));
    mode = next;
  };
  /** Changes are carried out in the order asked for. */
  const setMode = (next: ListenMode) => {
    const done = work.then(() => change(next));
    work = done.catch(() => {});
    return done;
  };
  const followFrom = (fault: Fault, elapsedMs: number): Promise<void> => {
    if (fault.kind === "flapping" && held !== undefined) {
      const { leftMs } = flapAt(fault, elapsedMs);
      edge = setTimeout(() => void followFrom(fault, elapsedMs + leftMs).catch(() => {}), leftMs);
    }
    return setMode(held === undefined ? "open" : listenModeOf(faultAt(fault, elapsedMs)));
  };
  return {
    ...fixed,
    get held() {
      return held;
    },
    follow(fault) {
      clearTimeout(edge);
      held = needsListener(fault) ? fault : undefined;
      return followFrom(fault, 0);
    },
    close() {
      clearTimeout(edge);
      return work.then(shut);
    },
  };
}

interface OpenSocket {
  readonly port: number;
  close(): Promise<void>;
}

interface Accepting {
  readonly sockets: Set<Socket>;
  readonly onConnection: (socket: Socket) => void;
}

function idleSocket(listener: IdleListener): OpenSocket {
  return { port: listener.port, close: () => Promise.resolve(listener.close()) };
}

function openServer(place: Place, accepting: Accepting): Promise<OpenSocket> {
  const { sockets, onConnection } = accepting;
  // Half-open: a client that ends its side right after the request still gets its answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => void sockets.delete(socket));
    onConnection(socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(new Error(`Cannot listen on ${place.host}:${place.port}: ${error.message}`));
    });
    server.listen({ host: place.host, port: place.port, backlog: BACKLOG }, () => {
      resolve({ port: (server.address() as AddressInfo).port, close: () => stopListening(server) });
    });
  });
}

/** Stops listening at once; settles when the last connection has ended too, so end them before waiting. */
function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
