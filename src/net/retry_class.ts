/**
 * Whether an HTTP answer to an action means done, try again, or never again. One table for all notifiers and the web hook
 * remedy. Sources: RFC 9110 §10.2.3 (Retry-After) and §15; RFC 6585 §4 (429).
 */
export type AnswerClass =
  | { readonly class: "ok" }
  | { readonly class: "retry"; readonly retryAfterMs?: number }
  /** Repetition cannot help: other 4xx, and 3xx, since a redirect would carry the secret elsewhere. */
  | { readonly class: "refused" };

/** A server may ask for a pause up to this long; more is cut, so that an alert is never parked for a day. */
export const RETRY_AFTER_MS_MAX = 3_600_000;

export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export function classifyAnswer(answer: AnswerHead, wallMs: number): AnswerClass {
  const { status } = answer;
  if (status >= 200 && status <= 299) return { class: "ok" };
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return { class: "refused" };
  const retryAfterMs = parseRetryAfter(answer.headers["retry-after"], wallMs);
  return retryAfterMs === undefined ? { class: "retry" } : { class: "retry", retryAfterMs };
}

/** Milliseconds from now, 0..RETRY_AFTER_MS_MAX; undefined when the field is absent or is neither seconds nor an HTTP-date. */
function parseRetryAfter(value: string | undefined, wallMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : / GMT$/.test(text) ? Date.parse(text) - wallMs : NaN;
  return Number.isNaN(ms) ? undefined : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}
