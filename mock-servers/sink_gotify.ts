/** A Gotify server's "createMessage" as published: checks the fields, answers with its errors. Source: gotify.net/api-docs. */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface GotifySink extends Sink {
  readonly token: string;
  readonly messages: readonly GotifyMessage[];
}

const MESSAGE = z.strictObject({
  title: z.string().optional(),
  message: text(1_000_000),
  priority: z.number().int().min(0).max(10).optional(),
  extras: z.strictObject({
    "client::display": z.strictObject({ contentType: z.enum(["text/plain", "text/markdown"]) }).optional(),
    "client::notification": z.strictObject({ click: z.strictObject({ url: WEB_ADDRESS }) }).optional(),
  }).optional(),
});

export type GotifyMessage = z.output<typeof MESSAGE>;

const TOKEN = "AT0KENxxxxxxxxx";

export async function startGotifySink(options: SinkOptions = {}): Promise<GotifySink> {
  const messages: GotifyMessage[] = [];
  const sink = await startSink(options, (request) => {
    if (request.path !== "/message") return fault(404, "Not Found", "page not found");
    if (request.headers["x-gotify-key"] !== TOKEN) {
      const text = "you need to provide a valid access token or user credentials to access this api";
      return fault(401, "Unauthorized", text);
    }
    const checked = checkJson<GotifyMessage>(MESSAGE as Schema<GotifyMessage>, request.body);
    if ("fault" in checked) return fault(400, "Bad Request", `Field '${checked.field}' ${checked.fault}`);
    messages.push(checked.value);
    return json(200, { id: messages.length, appid: 1, date: "2026-01-01T00:00:00Z", ...checked.value });
  });
  return { ...sink, token: TOKEN, messages };
}

function fault(errorCode: number, error: string, errorDescription: string) {
  return json(errorCode, { error, errorCode, errorDescription });
}
