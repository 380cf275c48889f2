/** A receiver of web hooks that takes everything, checks the signature when it knows the secret, and drops repetitions. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { json, type Sink, type SinkOptions, type SinkRequest, startSink } from "./sink_faults.ts";

export interface WebhookSinkOptions extends SinkOptions {
  /** With it a call without a right and recent X-Cpra-Signature is answered with 401. */
  readonly secret?: string;
}

export interface WebhookSink extends Sink {
  /** Bodies of accepted calls in order of arrival, each idempotency key once. */
  readonly accepted: readonly string[];
}

/** A signature older or newer than this is taken as played back, seconds. */
const SIGNATURE_AGE_MAX = 300;

export async function startWebhookSink(options: WebhookSinkOptions = {}): Promise<WebhookSink> {
  const accepted: string[] = [];
  const seen = new Set<string>();
  const sink = await startSink(options, (request) => {
    const fault = options.secret === undefined ? undefined : signatureFault(request, options.secret);
    if (fault !== undefined) return json(401, { error: fault });
    const key = request.headers["idempotency-key"];
    const repeated = key !== undefined && seen.has(key);
    if (key !== undefined) seen.add(key);
    if (!repeated) accepted.push(request.body);
    return json(200, { repeated });
  });
  return { ...sink, accepted };
}

function signatureFault(request: SinkRequest, secret: string): string | undefined {
  const parts = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(request.headers["x-cpra-signature"] ?? "");
  if (parts === null) return "no signature of the form t=…,v1=…";
  const [, seconds, given] = parts as unknown as [string, string, string];
  if (Math.abs(Date.now() / 1000 - Number(seconds)) > SIGNATURE_AGE_MAX) return "signature too old";
  const expected = createHmac("sha256", secret).update(`${seconds}.${request.body}`).digest();
  return timingSafeEqual(expected, Buffer.from(given, "hex")) ? undefined : "wrong signature";
}
