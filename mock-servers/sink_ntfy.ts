/**
 * An ntfy server's "Publish as JSON" as published, with one topic that needs a token: checks the fields, answers with its errors.
 * Source: docs.ntfy.sh/publish; error codes of the server ("40301", "42901", …).
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface NtfySink extends Sink {
  /** For the topic "T0KENops". */
  readonly token: string;
  readonly messages: readonly NtfyMessage[];
}

const MESSAGE = z.strictObject({
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/),
  message: z.string().refine((value) => Buffer.byteLength(value) <= 4096, "too long").optional(),
  title: text(1000).optional(),
  tags: z.array(text(100)).optional(),
  priority: z.number().int().min(1).max(5).optional(),
  click: WEB_ADDRESS.optional(),
  markdown: z.boolean().optional(),
});

export type NtfyMessage = z.output<typeof MESSAGE>;

const GUARDED = "T0KENops";
const TOKEN = "tk_T0KEN";

export async function startNtfySink(options: SinkOptions = {}): Promise<NtfySink> {
  const messages: NtfyMessage[] = [];
  const sink = await startSink(options, (request) => {
    if (request.path !== "/") return fault(40_401, 404, "page not found");
    if (request.method !== "POST" && request.method !== "PUT") {
      return fault(40_001, 405, "method not allowed");
    }
    const checked = checkJson<NtfyMessage>(MESSAGE as Schema<NtfyMessage>, request.body);
    if ("fault" in checked) {
      return fault(40_024, 400, "invalid request: request body must be valid message JSON");
    }
    const authorization = request.headers["authorization"];
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`) {
      return fault(40_101, 401, "unauthorized");
    }
    if (checked.value.topic === GUARDED && authorization === undefined) {
      return fault(40_301, 403, "forbidden");
    }
    messages.push(checked.value);
    return json(200, { id: "x", time: 1, event: "message", ...checked.value });
  });
  return { ...sink, token: TOKEN, messages };
}

function fault(code: number, http: number, error: string) {
  return json(http, { code, http, error });
}
