/**
 * Telegram's Bot API, method sendMessage, as published: checks the fields and the HTML, answers with its errors.
 * Source: core.telegram.org/bots/api, "Making requests", "sendMessage", "HTML style".
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface TelegramSink extends Sink {
  readonly token: string;
  readonly messages: readonly TelegramMessage[];
}

const MESSAGE = z.strictObject({
  chat_id: z.union([z.number().int(), z.string().regex(/^(-?\d+|@\w+)$/)]),
  message_thread_id: z.number().int().min(1).optional(),
  text: text(10_000),
  parse_mode: z.enum(["HTML", "MarkdownV2", "Markdown"]).optional(),
  disable_notification: z.boolean().optional(),
  link_preview_options: z.strictObject({ is_disabled: z.boolean().optional() }).optional(),
});

export type TelegramMessage = z.output<typeof MESSAGE>;

const TOKEN = "123456:T0KEN-bot";
/** The one chat that the bot may write to, and one that has blocked it. */
const CHAT = "-1001234567890";
const BLOCKED = "42";
const TEXT_CHARS_MAX = 4096;

export async function startTelegramSink(options: SinkOptions = {}): Promise<TelegramSink> {
  const messages: TelegramMessage[] = [];
  const sink = await startSink(options, (request) => {
    if (!request.path.startsWith("/bot")) return fault(404, "Not Found");
    const [token, method] = request.path.slice("/bot".length).split("/");
    if (token !== TOKEN) return fault(401, "Unauthorized");
    if (method?.toLowerCase() !== "sendmessage") return fault(404, "Not Found: method not found");
    const checked = checkJson<TelegramMessage>(MESSAGE as Schema<TelegramMessage>, request.body);
    if ("fault" in checked) return fault(400, `Bad Request: ${checked.field} ${checked.fault}`);
    const message = checked.value;
    if (String(message.chat_id) === BLOCKED) return fault(403, "Forbidden: bot was blocked by the user");
    if (String(message.chat_id) !== CHAT) return fault(400, "Bad Request: chat not found");
    const wrong = message.parse_mode === "HTML" ? htmlFault(message.text) : undefined;
    if (wrong !== undefined) return fault(400, `Bad Request: can't parse entities: ${wrong}`);
    if (readText(message.text).length > TEXT_CHARS_MAX) return fault(400, "Bad Request: message is too long");
    messages.push(message);
    return json(200, {
      ok: true,
      result: { "message_id": messages.length, date: 0, chat: { id: Number(CHAT) } },
    });
  });
  return { ...sink, token: TOKEN, messages };
}

function fault(code: number, description: string) {
  return json(code, { ok: false, "error_code": code, description });
}

/** Every tag is one of the supported, closed in order; < > and & stand only in tags and entities. */
function htmlFault(html: string): string | undefined {
  const open: string[] = [];
  for (const [, slash, name] of html.matchAll(/<(\/?)([a-z]+)>/g)) {
    if (!["b", "i", "u", "s", "code", "pre"].includes(name as string)) {
      return `unsupported start tag "${name}"`;
    }
    if (slash === "") open.push(name as string);
    else if (open.pop() !== name) return "unexpected end tag";
  }
  if (open.length > 0) return "can't find end tag";
  const rest = html.replace(/<\/?[a-z]+>/g, "");
  return /[<>]|&(?!(?:lt|gt|amp|quot|#\d+);)/.test(rest) ? "unescaped character" : undefined;
}

function readText(html: string): string {
  return html.replace(/<\/?[a-z]+>/g, "").replace(/&\w+;/g, "x");
}
