/**
 * A connection to a message bus (D-Bus) over its unix socket: logged in as this process's user, method calls, and signals.
 * One connection per check or repair, some a second at most. No library: the two that are kept well bring native code or a
 * parser of XML, and what is needed is one page of the specification. Source: D-Bus Specification 0.43.
 */
import { connect, type Socket } from "node:net";
import {
  type BusCall,
  type BusMessage,
  type BusValue,
  decodeMessage,
  encodeCall,
  ERROR,
  SIGNAL,
} from "./dbus_message.ts";
import { codeOf } from "./failure.ts";

export type BusAnswer<T = readonly BusValue[]> =
  | { readonly ok: true; readonly value: T }
  /** The other end refused: "org.freedesktop.DBus.Error.AccessDenied", and its words. */
  | { readonly ok: false; readonly kind: "refused"; readonly error: string; readonly text: string }
  /** There is no connection (any more). `code` of the runtime, "" = closed by the peer, "protocol" = it spoke nonsense. */
  | { readonly ok: false; readonly kind: "lost"; readonly code: string; readonly cancelled: boolean };

export interface Bus {
  call(call: BusCall): Promise<BusAnswer>;
  /** Calls `take` for every signal from now on. */
  onSignal(take: (signal: BusMessage) => void): void;
  /** Settles when the connection is lost, with why. */
  readonly lost: Promise<Lost>;
  close(): void;
}

type Lost = Extract<BusAnswer, { kind: "lost" }>;

const BUS = "org.freedesktop.DBus";
const LINE_BYTES_MAX = 4096;

/** `path` of the socket. Frees everything when `signal` fires. */
export async function openBus(path: string, signal: AbortSignal): Promise<BusAnswer<Bus>> {
  const connection = new Connection(path, signal);
  const login = await connection.loggedIn;
  if (login !== undefined) return login;
  const hello = await connection.call({
    destination: BUS,
    path: "/org/freedesktop/DBus",
    interface: BUS,
    member: "Hello",
    args: [],
  });
  if (hello.ok) return { ok: true, value: connection };
  connection.close();
  return hello;
}

/** Asks the bus for the signals of this rule ("Match Rules" of the specification). */
export function addMatch(bus: Bus, rule: string): Promise<BusAnswer> {
  return bus.call({
    destination: BUS,
    path: "/org/freedesktop/DBus",
    interface: BUS,
    member: "AddMatch",
    args: [rule],
  });
}

class Connection implements Bus {
  /** undefined when logged in. */
  readonly loggedIn: Promise<Exclude<BusAnswer, { ok: true }> | undefined>;
  readonly lost: Promise<Lost>;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #pending = new Map<number, (answer: BusAnswer) => void>();
  readonly #takers: ((signal: BusMessage) => void)[] = [];
  readonly #onAbort = () => this.#lose("", true);
  #settleLogin: (end: Exclude<BusAnswer, { ok: true }> | undefined) => void = () => {};
  #settleLost: (lost: Lost) => void = () => {};
  #end: Lost | undefined;
  #talking = false;
  #serial = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(path: string, signal: AbortSignal) {
    this.#signal = signal;
    this.loggedIn = new Promise((settle) => this.#settleLogin = settle);
    this.lost = new Promise((settle) => this.#settleLost = settle);
    this.#socket = connect({ path });
    this.#socket.on("error", (error) => this.#lose(codeOf(error), false));
    this.#socket.on("close", () => this.#lose("", false));
    this.#socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    this.#socket.on("connect", () => {
      // A NUL byte carries the credentials on systems that need one; then the SASL profile of the specification.
      const uid = Buffer.from(String(process.getuid?.() ?? 0), "ascii").toString("hex");
      this.#socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    });
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  call(call: BusCall): Promise<BusAnswer> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    const serial = ++this.#serial;
    return new Promise((settle) => {
      this.#pending.set(serial, settle);
      this.#socket.write(encodeCall(call, serial));
    });
  }

  onSignal(take: (signal: BusMessage) => void): void {
    this.#takers.push(take);
  }

  close(): void {
    this.#lose("", true);
  }

  #take(chunk: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    try {
      if (!this.#talking) this.#takeLine();
      while (this.#talking && this.#end === undefined) {
        const next = decodeMessage(this.#rest);
        if (next === undefined) break;
        this.#rest = this.#rest.subarray(next.length);
        this.#deliver(next.message);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#lose("protocol", false);
    }
  }

  /** The answer to AUTH: "OK <id of the bus>" or "REJECTED <mechanisms>". */
  #takeLine(): void {
    const end = this.#rest.indexOf(10);
    if (end < 0) {
      if (this.#rest.length > LINE_BYTES_MAX) this.#lose("protocol", false);
      return;
    }
    const line = Buffer.from(this.#rest.subarray(0, end)).toString("latin1").trim();
    this.#rest = this.#rest.subarray(end + 1);
    if (/^OK\b/.test(line)) {
      this.#talking = true;
      this.#socket.write("BEGIN\r\n");
      return this.#settleLogin(undefined);
    }
    if (!/^REJECTED\b/.test(line)) return this.#lose("protocol", false);
    this.#settleLogin({
      ok: false,
      kind: "refused",
      error: `${BUS}.Error.AuthFailed`,
      text: "the bus does not let this user in",
    });
    this.close();
  }

  #deliver(message: BusMessage): void {
    if (message.type === SIGNAL) {
      for (const take of this.#takers) take(message);
      return;
    }
    const settle = this.#pending.get(message.replySerial);
    if (settle === undefined) return;
    this.#pending.delete(message.replySerial);
    if (message.type !== ERROR) return settle({ ok: true, value: message.body });
    const [text] = message.body;
    settle({
      ok: false,
      kind: "refused",
      error: message.errorName,
      text: typeof text === "string" ? text : message.errorName,
    });
  }

  #lose(code: string, cancelled: boolean): void {
    if (this.#end !== undefined) return;
    this.#end = { ok: false, kind: "lost", code, cancelled };
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#socket.destroy();
    this.#settleLogin(this.#end);
    for (const settle of this.#pending.values()) settle(this.#end);
    this.#pending.clear();
    this.#settleLost(this.#end);
  }
}
