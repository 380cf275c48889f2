/** One HTTP call of a notifier turned into a delivery result, by the shared table of answers. No secret enters the texts. */
import { SYSTEM_CLOCK } from "../base/clock.ts";
import type { DeliveryResult } from "../model/plugin.ts";
import { callHttp, type HttpAnswer, type HttpCall } from "../net/http_client.ts";
import { type AnswerClass, classifyAnswer } from "../net/retry_class.ts";

export interface DeliverOptions {
  /** What `describe` says of the channel: opens every error text. */
  readonly channel: string;
  /** What the answer says about the reason, when the channel has a form for it that is safe to show. */
  readonly explain?: (answer: HttpAnswer) => string;
  /** What an answer comes to where the service says more in its body than by its status; undefined: the table holds. */
  readonly verdict?: (answer: HttpAnswer) => AnswerClass | undefined;
}

export async function deliver(
  call: HttpCall,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  return (await exchange(call, options, signal)).result;
}

export interface Exchange {
  readonly result: DeliveryResult;
  /** Absent when there was none. */
  readonly answer?: HttpAnswer;
}

/** The same for channels that go on with what the answer says. */
export async function exchange(
  call: HttpCall,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  const answer = await callHttp(call, signal);
  if (answer.kind === "failure") {
    return { result: { result: "retry", error: `${options.channel}: ${answer.text}` } };
  }
  const verdict = options.verdict?.(answer) ?? classifyAnswer(answer, SYSTEM_CLOCK.wallMs());
  if (verdict.class === "ok") return { result: { result: "sent" }, answer };
  const reason = options.explain?.(answer) ?? "";
  const error = `${options.channel}: answered ${answer.status}${reason === "" ? "" : `: ${reason}`}`;
  if (verdict.class === "refused") return { result: { result: "refused", error }, answer };
  const { retryAfterMs } = verdict;
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { result: { result: "retry", error, ...pause }, answer };
}

/** For channels that hold nothing open between two sends. */
export const NOTHING_OPEN = {
  reopen: () => Promise.resolve(),
  close: () => Promise.resolve(),
} as const;
