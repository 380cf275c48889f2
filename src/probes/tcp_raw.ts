/** The tcp probe on the raw engine; without `send` and `expect` nothing is written or read. */
import { Buffer } from "node:buffer";
import type { IpPreference } from "../base/ip_preference.ts";
import {
  type Exchange,
  type Place,
  type RawProbe,
  REQUEST_BYTES_MOST,
  type StreamPlan,
} from "../model/raw_probe.ts";
import { isPlainName } from "../net/raw/raw_names.ts";
import { isPlainAddress } from "../net/raw/socket_address.ts";
import { Answer, mismatch } from "./tcp_answer.ts";
import type { SharedTcpConfig } from "./tcp_config.ts";

export const TCP_RAW: RawProbe<SharedTcpConfig> = {
  suits(target, config, { names }) {
    const host = /^(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9._-]+)):\d+$/.exec(target);
    return !config.tls && host !== null &&
      (isPlainAddress(host[1] ?? (host[2] as string)) || (names && isPlainName(host[2] ?? ""))) &&
      Buffer.byteLength(config.send) <= REQUEST_BYTES_MOST;
  },
  plan: (config) => new TcpPlan(config),
};

const OPEN_BRACKET = 91;
const COLON = 58;
const ZERO = 48;

class TcpPlan implements StreamPlan {
  readonly transport = "stream";
  readonly source: string;
  readonly prefer: IpPreference | undefined;
  readonly keepAlive = false;
  readonly #send: Buffer;
  readonly #expect: Buffer;

  constructor({ send, expect, encoding, source, ip }: SharedTcpConfig) {
    this.source = source;
    this.prefer = ip === "" ? undefined : ip;
    const coding = encoding === "bytes" ? "latin1" : "utf8";
    this.#send = Buffer.from(send, coding);
    this.#expect = Buffer.from(expect, coding);
  }

  readonly locate = (target: Uint8Array, bytes: number, into: Place): void => {
    let colonAt = bytes - 1;
    while (target[colonAt] !== COLON) colonAt--;
    into.port = 0;
    for (let at = colonAt + 1; at < bytes; at++) into.port = into.port * 10 + (target[at] as number) - ZERO;
    const inBrackets = target[0] === OPEN_BRACKET;
    into.hostFrom = inBrackets ? 1 : 0;
    into.hostTo = inBrackets ? colonAt - 1 : colonAt;
  };

  readonly request = (_target: Uint8Array, _bytes: number, into: Uint8Array): number => {
    if (this.#send.length > 0) into.set(this.#send);
    return this.#send.length;
  };

  sent(exchange: Exchange): boolean {
    if (this.#expect.length > 0) return false;
    exchange.settle("pass", "none", 0);
    return true;
  }

  received(exchange: Exchange, bytes: Uint8Array, length: number): boolean {
    const answer = (exchange.state ??= new Answer(this.#expect)) as Answer;
    if (!answer.take(bytes.subarray(0, length))) return false;
    if (answer.found) exchange.settle("pass", "none", 0);
    else this.#mismatch(exchange, answer);
    return true;
  }

  closed(exchange: Exchange): void {
    const answer = exchange.state as Answer | undefined;
    // An answer that came and was another says more than how the connection ended.
    if (answer !== undefined) this.#mismatch(exchange, answer);
    else exchange.settle("fail", "closed_early", 0);
  }

  #mismatch(exchange: Exchange, answer: Answer): void {
    const { outcome, reason, value, text } = mismatch(answer.bytes);
    exchange.settle(outcome, reason, value, text);
  }
}
