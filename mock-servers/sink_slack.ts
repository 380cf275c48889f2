/**
 * Slack's incoming web hooks as published: checks the message, its attachments and Block Kit's structure and limits, and
 * answers with Slack's words. Source: docs.slack.dev, "Sending messages using incoming webhooks", "Blocks" and its pages.
 */
import { type Sink, type SinkAnswer, type SinkOptions, startSink } from "./sink_faults.ts";

export interface SlackSinkOptions extends SinkOptions {
  /** The one path that exists; default "/services/T000/B000/XXXX". */
  readonly hookPath?: string;
}

export interface SlackSink extends Sink {
  readonly hookUrl: string;
  /** Parsed bodies that were accepted, oldest first. */
  readonly messages: readonly Fields[];
}

export type Fields = Readonly<Record<string, unknown>>;

const BLOCKS_MAX = 50;
const TEXT_CHARS_MAX = 40_000;

export async function startSlackSink(options: SlackSinkOptions = {}): Promise<SlackSink> {
  const hookPath = options.hookPath ?? "/services/T000/B000/XXXX";
  const messages: Fields[] = [];
  const sink = await startSink(options, (request) => {
    if (request.path !== hookPath) return words(404, "no_service");
    if (request.method !== "POST") return words(400, "invalid_payload");
    const message = parseObject(request.body);
    if (message === undefined) return words(400, "invalid_payload");
    const fault = slackMessageFault(message);
    if (fault !== undefined) return words(400, fault);
    messages.push(message);
    return words(200, "ok");
  });
  return { ...sink, hookUrl: `${sink.url}${hookPath}`, messages };
}

function words(status: number, body: string): SinkAnswer {
  return { status, headers: { "Content-Type": "text/html" }, body };
}

export function slackMessageFault(message: Fields): string | undefined {
  const { text, blocks, attachments } = message;
  if (text === undefined && blocks === undefined && attachments === undefined) return "no_text";
  if (text !== undefined && (typeof text !== "string" || text.length > TEXT_CHARS_MAX || !isEscaped(text))) {
    return "invalid_payload";
  }
  if (text === "" && blocks === undefined && attachments === undefined) return "no_text";
  if (blocks !== undefined && !areBlocks(blocks)) return "invalid_blocks";
  if (attachments === undefined) return undefined;
  if (!Array.isArray(attachments)) return "invalid_attachments";
  if (attachments.length > 100) return "too_many_attachments";
  return attachments.every(isAttachment) ? undefined : "invalid_attachments";
}

function isAttachment(value: unknown): boolean {
  const attachment = asObject(value);
  if (attachment === undefined || !hasOnly(attachment, ["color", "blocks", "fallback"])) return false;
  const { color, blocks } = attachment;
  const colorOk = color === undefined ||
    (typeof color === "string" && /^(good|warning|danger|#[0-9a-f]{6})$/i.test(color));
  return colorOk && areBlocks(blocks);
}

function areBlocks(value: unknown): boolean {
  return Array.isArray(value) && value.length >= 1 && value.length <= BLOCKS_MAX && value.every(isBlock);
}

function isBlock(value: unknown): boolean {
  const block = asObject(value);
  if (block === undefined) return false;
  switch (block["type"]) {
    case "header":
      return hasOnly(block, ["type", "text", "block_id"]) &&
        isText(block["text"], { types: ["plain_text"], charsMax: 150 });
    case "section":
      return hasOnly(block, ["type", "text", "fields", "block_id"]) && isSection(block);
    case "context":
      return hasOnly(block, ["type", "elements", "block_id"]) && isTextList(block["elements"], 3000);
    case "divider":
      return hasOnly(block, ["type", "block_id"]);
    default:
      return false;
  }
}

function isSection(block: Fields): boolean {
  const { text, fields } = block;
  if (text === undefined && fields === undefined) return false;
  if (text !== undefined && !isText(text, { types: ["plain_text", "mrkdwn"], charsMax: 3000 })) return false;
  return fields === undefined || isTextList(fields, 2000);
}

function isTextList(value: unknown, charsMax: number): boolean {
  if (!Array.isArray(value) || value.length < 1 || value.length > 10) return false;
  return value.every((item) => isText(item, { types: ["plain_text", "mrkdwn"], charsMax }));
}

function isText(
  value: unknown,
  rule: { readonly types: readonly string[]; readonly charsMax: number },
): boolean {
  const object = asObject(value);
  if (object === undefined || !hasOnly(object, ["type", "text", "emoji", "verbatim"])) return false;
  const { type, text } = object;
  if (typeof type !== "string" || !rule.types.includes(type) || typeof text !== "string") return false;
  return text.length >= 1 && text.length <= rule.charsMax && isEscaped(text);
}

/** cpra sends no links or mentions: every one of the three special characters must be an entity. Stricter than Slack itself. */
function isEscaped(text: string): boolean {
  return !/[<>]|&(?!amp;|lt;|gt;)/.test(text);
}

function hasOnly(fields: Fields, known: readonly string[]): boolean {
  return Object.keys(fields).every((name) => known.includes(name));
}

function parseObject(text: string): Fields | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : undefined;
}
