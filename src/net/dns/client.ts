/**
 * Asks a DNS server: over UDP, over TCP when the answer did not fit (RFC 7766) or when told to. One client is one set of
 * sockets: a check has its own for its time, the resolver one for its life.
 * Against forged answers (RFC 5452): random ids and ports, and an answer counts only from the server that was asked, with
 * the question that was put. A port is given up after some hundred questions.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { randomInt } from "node:crypto";
import { isIP } from "node:net";
import { connect } from "../connect.ts";
import { codeOf, type Failure, failureOfCode } from "../failure.ts";
import { talk } from "../talk.ts";
import {
  decodeAnswer,
  type DnsMessage,
  encodeQuery,
  type Question,
  questionOf,
  sameQuestion,
} from "./message.ts";

export interface DnsServer {
  /** IPv4 or IPv6, without brackets. */
  readonly address: string;
  readonly port: number;
}

export type Reply =
  | { readonly kind: "answer"; readonly message: DnsMessage; readonly overTcp: boolean }
  /** `response_timeout` when the signal fired, `protocol` when what came was no answer; else the network's own. */
  | { readonly kind: "failed"; readonly failure: Failure };

export interface AskOptions {
  /** Not over UDP at all. */
  readonly tcpOnly?: boolean;
  /** How long to wait for an answer before the same is sent again, ms. */
  readonly resendMs?: number;
  /** The question is given up after so many sendings over UDP, each with its time; absent: when the signal fires. */
  readonly sendings?: number;
}

const QUESTIONS_PER_PORT = 256;
const RESEND_MS = 2000;
/** Bounds a connection when the caller's signal alone ends it. */
const TCP_MS = 60_000;

const NO_ANSWER: Reply = {
  kind: "failed",
  failure: { outcome: "fail", reason: "response_timeout", value: 0 },
};
const MALFORMED: Reply = {
  kind: "failed",
  failure: { outcome: "fail", reason: "protocol", value: 0, text: "no DNS answer to the question" },
};

function failed(code: string): Reply {
  return { kind: "failed", failure: failureOfCode(code) };
}

export class DnsClient {
  readonly #ports = new Set<UdpPort>();
  readonly #current = new Map<"udp4" | "udp6", UdpPort>();

  /** Never rejects; holds nothing of this question once it has settled. */
  async ask(
    question: Question,
    server: DnsServer,
    signal: AbortSignal,
    options: AskOptions = {},
  ): Promise<Reply> {
    if (signal.aborted) return NO_ANSWER;
    if (!options.tcpOnly) {
      const port = this.#portTo(isIP(server.address) === 6 ? "udp6" : "udp4");
      const reply = await port.ask({
        question,
        server,
        resendMs: options.resendMs ?? RESEND_MS,
        sendings: options.sendings ?? Infinity,
      }, signal);
      if (reply.kind === "failed" || !reply.message.truncated) return reply;
    }
    const { sendings, resendMs = RESEND_MS } = options;
    const limit = sendings === undefined
      ? signal
      : AbortSignal.any([signal, AbortSignal.timeout(sendings * resendMs)]);
    return await askOverTcp(question, server, limit);
  }

  close(): void {
    for (const port of this.#ports) port.close();
    this.#ports.clear();
    this.#current.clear();
  }

  #portTo(family: "udp4" | "udp6"): UdpPort {
    let port = this.#current.get(family);
    if (port === undefined || port.isUsedUp) {
      port?.closeWhenIdle();
      port = new UdpPort(family, (closed) => this.#ports.delete(closed));
      this.#ports.add(port);
      this.#current.set(family, port);
    }
    return port;
  }
}

interface Asked {
  readonly question: Question;
  readonly server: DnsServer;
  readonly resendMs: number;
  readonly sendings: number;
}

interface Pending {
  readonly server: DnsServer;
  readonly question: Uint8Array;
  readonly give: (reply: Reply) => void;
}

/** One UDP socket with the questions that are out on it, by their ids. */
class UdpPort {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #closed: (port: UdpPort) => void;
  #asked = 0;
  #closing = false;
  #isClosed = false;

  constructor(family: "udp4" | "udp6", closed: (port: UdpPort) => void) {
    this.#closed = closed;
    this.#socket = createSocket(family);
    this.#socket.on("message", (bytes, from) => this.#take(bytes, from));
    this.#socket.on("error", (error) => this.#failAll(codeOf(error)));
  }

  get isUsedUp(): boolean {
    return this.#asked >= QUESTIONS_PER_PORT || this.#isClosed;
  }

  closeWhenIdle(): void {
    this.#closing = true;
    if (this.#pending.size === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failAll("ECANCELED");
    this.#socket.close();
    this.#closed(this);
  }

  ask({ question, server, resendMs, sendings }: Asked, signal: AbortSignal): Promise<Reply> {
    this.#asked++;
    let id = randomInt(0x10000);
    while (this.#pending.has(id)) id = randomInt(0x10000);
    const query = encodeQuery(id, question);
    return new Promise((settle) => {
      const give = (reply: Reply) => {
        clearInterval(timer);
        signal.removeEventListener("abort", onAbort);
        this.#pending.delete(id);
        settle(reply);
        if (this.#closing && this.#pending.size === 0) this.close();
      };
      const onAbort = () => give(NO_ANSWER);
      const send = () =>
        this.#socket.send(query, server.port, server.address, (error) => {
          if (error && this.#pending.get(id)?.give === give) give(failed(codeOf(error)));
        });
      let sent = 1;
      const timer = setInterval(() => sent++ < sendings ? send() : give(NO_ANSWER), resendMs);
      this.#pending.set(id, { server, question: questionOf(query), give });
      signal.addEventListener("abort", onAbort, { once: true });
      send();
    });
  }

  #take(bytes: Uint8Array, from: RemoteInfo): void {
    const message = decodeAnswer(bytes);
    const id = bytes.length < 2 ? -1 : ((bytes[0] as number) << 8) | (bytes[1] as number);
    const pending = this.#pending.get(id);
    if (pending === undefined || from.port !== pending.server.port) return;
    if (canonical(from.address) !== canonical(pending.server.address)) return;
    // From the server that was asked: not readable is its fault, another question is somebody else's answer.
    if (message === undefined) return pending.give(MALFORMED);
    if (!sameQuestion(message.question, pending.question)) return;
    pending.give({ kind: "answer", message, overTcp: false });
  }

  #failAll(code: string): void {
    for (const { give } of [...this.#pending.values()]) give(failed(code));
  }
}

async function askOverTcp(question: Question, server: DnsServer, signal: AbortSignal): Promise<Reply> {
  const opened = await connect(
    { host: server.address, port: server.port, startedMs: performance.now(), timeoutMs: TCP_MS },
    signal,
  );
  if (opened.kind === "failed") return { kind: "failed", failure: opened.failure };
  const query = encodeQuery(randomInt(0x10000), question);
  const framed = new Uint8Array(2 + query.length);
  new DataView(framed.buffer).setUint16(0, query.length);
  framed.set(query, 2);
  let received = new Uint8Array(0);
  const wantedBytes = () =>
    received.length < 2 ? Infinity : 2 + ((received[0] as number) << 8 | (received[1] as number));
  const take = (chunk: Uint8Array) => {
    const longer = new Uint8Array(received.length + chunk.length);
    longer.set(received);
    longer.set(chunk, received.length);
    received = longer;
    return received.length >= wantedBytes();
  };
  const end = await talk({ socket: opened.socket }, { send: framed, take }, signal);
  if (end.kind === "aborted") return NO_ANSWER;
  if (end.kind === "error") return failed(end.code);
  if (end.kind === "ended") {
    return { kind: "failed", failure: { outcome: "fail", reason: "closed_early", value: 0 } };
  }
  const message = decodeAnswer(received.subarray(2, wantedBytes()));
  const isAnswer = message !== undefined && !message.truncated &&
    sameQuestion(message.question, questionOf(query));
  return isAnswer ? { kind: "answer", message, overTcp: true } : MALFORMED;
}

/** One spelling per address. */
function canonical(address: string): string {
  if (isIP(address) !== 6 || !URL.canParse(`http://[${address}]/`)) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
