/**
 * Discord's "Execute Webhook" as published: checks the message, its embeds and the limits, answers with Discord's errors.
 * Source: discord.com/developers/docs, "Execute Webhook", "Embed limits", "Rate limits", "JSON error codes".
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, ISO_TIME, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface DiscordSink extends Sink {
  readonly hookUrl: string;
  readonly messages: readonly DiscordMessage[];
}

const SNOWFLAKES = z.array(z.string().regex(/^\d{15,20}$/)).max(100);

const EMBED = z.strictObject({
  title: text(256).optional(),
  description: text(4096).optional(),
  url: WEB_ADDRESS.optional(),
  timestamp: ISO_TIME.optional(),
  color: z.number().int().min(0).max(0xffffff).optional(),
  footer: z.strictObject({ text: text(2048) }).optional(),
  fields: z.array(z.strictObject({ name: text(256), value: text(1024), inline: z.boolean().optional() })).max(
    25,
  )
    .optional(),
});

const MESSAGE = z.strictObject({
  content: text(2000).optional(),
  username: text(80).optional(),
  allowed_mentions: z.strictObject({
    parse: z.array(z.enum(["roles", "users", "everyone"])),
    roles: SNOWFLAKES.optional(),
    users: SNOWFLAKES.optional(),
  }).optional(),
  embeds: z.array(EMBED).min(1).max(10).optional(),
}).refine((message) => message.content !== undefined || message.embeds !== undefined, "empty message")
  .refine((message) => embedChars(message.embeds ?? []) <= 6000, "embed size exceeds 6000");

export type DiscordMessage = z.output<typeof MESSAGE>;

const PATH = "/api/webhooks/123456789012345678/T0KEN-hook";

export async function startDiscordSink(options: SinkOptions = {}): Promise<DiscordSink> {
  const messages: DiscordMessage[] = [];
  const sink = await startSink(options, (request) => {
    const url = new URL(request.path, "http://sink");
    if (url.pathname !== PATH) return json(404, { message: "Unknown Webhook", code: 10015 });
    if (request.method !== "POST") return json(405, { message: "405: Method Not Allowed", code: 0 });
    const thread = url.searchParams.get("thread_id");
    if (thread !== null && !/^\d+$/.test(thread)) return formFault("thread_id", "not snowflake");
    const checked = checkJson<DiscordMessage>(MESSAGE as Schema<DiscordMessage>, request.body);
    if ("fault" in checked) return formFault(checked.field, checked.fault);
    messages.push(checked.value);
    if (url.searchParams.get("wait") !== "true") return { status: 204, body: "" };
    return json(200, { id: String(1_000_000_000_000_000 + messages.length), type: 0 });
  });
  return { ...sink, hookUrl: `${sink.url}${PATH}`, messages };
}

function formFault(field: string, fault: string) {
  return json(400, {
    message: "Invalid Form Body",
    code: 50035,
    errors: { [field]: { _errors: [{ message: fault }] } },
  });
}

type Embed = z.output<typeof EMBED>;

function embedChars(embeds: readonly Embed[]): number {
  const lengths = embeds.map(({ title, description, footer, fields }) =>
    (title ?? "").length + (description ?? "").length + (footer?.text ?? "").length +
    (fields ?? []).reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}
