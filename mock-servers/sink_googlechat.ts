/**
 * Google Chat's incoming web hooks as published: the message, its card and the thread; answers with Google's errors.
 * Sources: developers.google.com/workspace/chat, "spaces.messages.create", "Cards v2".
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface GooglechatSink extends Sink {
  readonly hookUrl: string;
  readonly messages: readonly GooglechatMessage[];
}

const PARAGRAPH = z.strictObject({ textParagraph: z.strictObject({ text: text(32_000) }) });
const DECORATED = z.strictObject({
  decoratedText: z.strictObject({
    topLabel: text(200).optional(),
    text: text(32_000),
    wrapText: z.boolean().optional(),
  }),
});
const BUTTONS = z.strictObject({
  buttonList: z.strictObject({
    buttons: z.array(z.strictObject({
      text: text(100),
      onClick: z.strictObject({ openLink: z.strictObject({ url: WEB_ADDRESS }) }),
    })).min(1),
  }),
});
const CARD = z.strictObject({
  header: z.strictObject({ title: text(1000), subtitle: text(1000).optional() }).optional(),
  sections: z.array(z.strictObject({
    header: text(200).optional(),
    widgets: z.array(z.union([PARAGRAPH, DECORATED, BUTTONS])).min(1),
  })).min(1).max(100),
});
const MESSAGE = z.strictObject({
  text: text(4096).optional(),
  fallbackText: text(4096).optional(),
  cardsV2: z.array(z.strictObject({ cardId: text(64).optional(), card: CARD })).max(10).optional(),
  thread: z.strictObject({ threadKey: text(4000) }).optional(),
});

export type GooglechatMessage = z.output<typeof MESSAGE>;

const PATH = "/v1/spaces/AAAA/messages";
const MESSAGE_BYTES_MAX = 32_000;

export async function startGooglechatSink(options: SinkOptions = {}): Promise<GooglechatSink> {
  const messages: GooglechatMessage[] = [];
  const sink = await startSink(options, (request) => {
    const url = new URL(request.path, "http://sink");
    if (url.pathname !== PATH) return fault(404, "NOT_FOUND");
    if (request.method !== "POST") return fault(405, "INVALID_ARGUMENT");
    if (url.searchParams.get("key") !== "K" || url.searchParams.get("token") !== "T0KEN") {
      return fault(403, "PERMISSION_DENIED");
    }
    if (Buffer.byteLength(request.body) > MESSAGE_BYTES_MAX) return fault(400, "INVALID_ARGUMENT");
    const checked = checkJson<GooglechatMessage>(MESSAGE as Schema<GooglechatMessage>, request.body);
    if ("fault" in checked) return fault(400, "INVALID_ARGUMENT", `${checked.field}: ${checked.fault}`);
    messages.push(checked.value);
    return json(200, { name: "spaces/AAAA/messages/1", ...checked.value });
  });
  return { ...sink, hookUrl: `${sink.url}${PATH}?key=K&token=T0KEN`, messages };
}

function fault(code: number, status: string, message = status) {
  return json(code, { error: { code, message, status } });
}
