/**
 * Pushover's messages API as published: checks every field and its limits, answers with its errors.
 * Source: pushover.net/api.
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkForm, text } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface PushoverSink extends Sink {
  readonly messagesUrl: string;
  readonly token: string;
  readonly user: string;
  readonly messages: readonly PushoverMessage[];
}

const MESSAGE = z.strictObject({
  token: z.string(),
  user: z.string(),
  message: text(1024),
  title: text(250).optional(),
  device: z.string().regex(/^[A-Za-z0-9_,-]+$/).optional(),
  priority: z.enum(["-2", "-1", "0", "1", "2"]).optional(),
  retry: z.coerce.number().int().min(30).optional(),
  expire: z.coerce.number().int().min(30).max(10_800).optional(),
  timestamp: z.coerce.number().int().min(1).max(1e10).optional(),
  sound: z.enum(["pushover", "siren", "none"]).optional(),
  url: text(512).optional(),
  url_title: text(100).optional(),
}).refine(
  (fields) => fields.priority !== "2" || (fields.retry !== undefined && fields.expire !== undefined),
  { message: "must be supplied with priority=2", path: ["expire"] },
);

export type PushoverMessage = z.output<typeof MESSAGE>;

const PATH = "/1/messages.json";
const TOKEN = "aT0KENaaaaaaaaaaaaaaaaaaaaaaaa";
const USER = "uT0KENuuuuuuuuuuuuuuuuuuuuuuuu";

export async function startPushoverSink(options: SinkOptions = {}): Promise<PushoverSink> {
  const messages: PushoverMessage[] = [];
  const sink = await startSink(options, (request) => {
    if (request.path !== PATH || request.method !== "POST") return fault(404, "path", "resource not found");
    const checked = checkForm<PushoverMessage>(MESSAGE as Schema<PushoverMessage>, request.body);
    if ("fault" in checked) return fault(400, checked.field, `${checked.field} ${checked.fault}`);
    const { token, user } = checked.value;
    if (token !== TOKEN) return fault(400, "token", "application token is invalid");
    if (user !== USER) return fault(400, "user", "user identifier is invalid");
    messages.push(checked.value);
    return json(200, { status: 1, request: "x" });
  });
  return { ...sink, messagesUrl: `${sink.url}${PATH}`, token: TOKEN, user: USER, messages };
}

function fault(status: number, field: string, error: string) {
  return json(status, { [field]: "invalid", errors: [error], status: 0, request: "x" });
}
