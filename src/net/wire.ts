/**
 * One conversation over TCP, optionally TLS, for checks that speak a protocol: lines and counted bytes are awaited in
 * order. Typical load: thousands of checks a second, each with one to ten short messages.
 * A conversation that cannot go on ends by `Stop`, which carries what is to be said about it: thrown by every method here, caught
 * by probes/stream_probe.ts, and never seen beyond it. Not for streams: no more is held than a peer may have to say.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Reason } from "../model/outcome.ts";
import { connect, type ConnectPhases, freeSocket, microsSince } from "./connect.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";
import { freeTls, startTls, type TlsOptions } from "./tls.ts";

/** The end of a conversation that did not come to its good end. */
export class Stop extends Error {
  constructor(readonly failure: Failure) {
    super(failure.reason);
  }
}

/** A failing target; `text` may hold a peer's bytes as they came. */
export function stop(reason: Reason, text?: string, value = 0): Stop {
  const failure: Failure = { outcome: "fail", reason, value };
  return new Stop(text === undefined ? failure : { ...failure, text });
}

export interface WireRequest {
  readonly host: string;
  readonly port: number;
  /** Address to connect from; "" = the kernel's choice. */
  readonly source: string;
  /** performance.now() when the attempt began, and how long it has, ms. */
  readonly startedMs: number;
  readonly timeoutMs: number;
  /** Filled in as they are reached, µs; connectUs after TLS where it is spoken from the first byte. */
  readonly phases: ConnectPhases & { firstByteUs?: number };
  /** TLS before the first byte. */
  readonly tls?: TlsOptions;
}

/** What one message may have, and what is held of a peer that sends unasked. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
const LINE_BYTES_MAX = 8192;
const LINE_FEED = 10;

export class Wire {
  readonly #request: WireRequest;
  readonly #signal: AbortSignal;
  #socket: Socket;
  #below: Socket | undefined;
  /** Received and not yet taken. */
  #held: Buffer = Buffer.alloc(0);
  #end: Failure | undefined;
  #wake: (() => void) | undefined;
  #isFreed = false;

  /** Throws Stop when there is no connection (or no TLS on it) to be had; then nothing is held. */
  static async open(request: WireRequest, signal: AbortSignal): Promise<Wire> {
    const opened = await connect(request, signal);
    Object.assign(request.phases, opened.phases);
    if (opened.kind === "failed") throw new Stop(opened.failure);
    const wire = new Wire(request, signal, opened.socket);
    if (request.tls === undefined) wire.#listen();
    else {
      await wire.#secure(request.tls);
      request.phases.connectUs = microsSince(request.startedMs);
    }
    return wire;
  }

  private constructor(request: WireRequest, signal: AbortSignal, socket: Socket) {
    this.#request = request;
    this.#signal = signal;
    this.#socket = socket;
  }

  get isSecure(): boolean {
    return this.#below !== undefined;
  }

  /** From here on TLS, on a connection that was plain so far (STARTTLS). */
  async startTls(options: TlsOptions): Promise<void> {
    // What came in the clear before the handshake would pass for what came after it (CVE-2011-0411).
    if (this.#held.length > 0) throw stop("protocol", "bytes before the TLS handshake");
    this.#unlisten();
    await this.#secure(options);
  }

  write(data: string | Uint8Array): void {
    if (this.#end === undefined) this.#socket.write(data);
  }

  /** The next line without its CR LF or LF, as latin1: one character a byte. */
  async line(): Promise<string> {
    let searchedBytes = 0;
    let at: number;
    while ((at = this.#held.indexOf(LINE_FEED, searchedBytes)) < 0) {
      searchedBytes = this.#held.length;
      if (searchedBytes > LINE_BYTES_MAX) throw stop("protocol", "a line without an end");
      await this.#more();
    }
    const line = this.#held.toString("latin1", 0, at);
    this.#held = this.#held.subarray(at + 1);
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }

  /** The next `count` bytes; a count from the peer may be any number. */
  async bytes(count: number): Promise<Buffer> {
    if (!(count >= 0 && count <= MESSAGE_BYTES_MAX)) {
      throw stop("body_too_large", undefined, MESSAGE_BYTES_MAX);
    }
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** Whatever came, at least one byte. */
  async some(): Promise<Buffer> {
    if (this.#held.length === 0) await this.#more();
    return this.bytes(Math.min(this.#held.length, MESSAGE_BYTES_MAX));
  }

  timedOut(): Failure {
    return { outcome: "fail", reason: "response_timeout", value: Math.round(this.#request.timeoutMs) };
  }

  /** For a library that reads and writes the socket itself; it is still freed here. Nothing may have been received. */
  handOver(): { readonly socket: Socket; readonly signal: AbortSignal } {
    if (this.#end !== undefined) throw new Stop(this.#end);
    this.#unlisten();
    return { socket: this.#socket, signal: this.#signal };
  }

  /** Safe to call twice. Nothing that was asked to be sent is waited for. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#unlisten();
    if (this.#below === undefined) freeSocket(this.#socket);
    else freeTls(this.#socket, this.#below);
  }

  /** Gives what was written time to leave, for protocols in which a reset in the middle makes noise at the other end. */
  flushed(): Promise<void> {
    return new Promise((settle) => {
      if (this.#end !== undefined || this.#signal.aborted) return settle();
      const done = () => {
        this.#signal.removeEventListener("abort", done);
        this.#wake = undefined;
        settle();
      };
      this.#wake = done;
      this.#signal.addEventListener("abort", done, { once: true });
      this.#socket.end(done);
    });
  }

  async #secure(options: TlsOptions): Promise<void> {
    const secured = await startTls(this.#socket, options, this.#signal);
    if (secured.kind === "secured") {
      this.#below = this.#socket;
      this.#socket = secured.socket;
      this.#listen();
      return;
    }
    this.#isFreed = true;
    throw secured.kind === "failed"
      ? new Stop(secured.failure)
      : stop("response_timeout", "no TLS handshake", Math.round(this.#request.timeoutMs));
  }

  #listen(): void {
    this.#socket.on("data", this.#onData);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("close", this.#onEnd);
    this.#socket.on("error", this.#onError);
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  /** The listener for errors stays: none may be uncaught. */
  #unlisten(): void {
    this.#socket.removeListener("data", this.#onData);
    this.#socket.removeListener("end", this.#onEnd);
    this.#socket.removeListener("close", this.#onEnd);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#request.phases.firstByteUs ??= microsSince(this.#request.startedMs);
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > MESSAGE_BYTES_MAX) this.#socket.pause();
    this.#wake?.();
  };

  readonly #onEnd = (): void => this.#finish({ outcome: "fail", reason: "closed_early", value: 0 });

  readonly #onError = (error: unknown): void => {
    const code = codeOf(error);
    this.#finish(code === "ETIMEDOUT" ? this.timedOut() : failureOfCode(code));
  };

  readonly #onAbort = (): void => this.#finish(this.timedOut());

  #finish(failure: Failure): void {
    this.#end ??= failure;
    this.#wake?.();
  }

  /** Waits for more than is held; what came before the end is still taken, unless time is up. */
  async #more(): Promise<void> {
    if (this.#end === undefined) {
      const heldBytes = this.#held.length;
      await new Promise<void>((settle) => {
        this.#wake = settle;
        if (this.#socket.isPaused()) this.#socket.resume();
      });
      this.#wake = undefined;
      if (this.#held.length > heldBytes && !this.#signal.aborted) return;
    }
    throw new Stop(this.#end ?? this.timedOut());
  }
}
