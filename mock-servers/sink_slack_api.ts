/**
 * Slack's Web API for a bot in one channel, as published: chat.postMessage, chat.update and conversations.history; keeps the messages,
 * answers errors with 200 and a word. Source: docs.slack.dev, the methods' pages.
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson } from "./sink_check.ts";
import {
  json,
  type Sink,
  type SinkAnswer,
  type SinkOptions,
  type SinkRequest,
  startSink,
} from "./sink_faults.ts";
import { type Fields, slackMessageFault } from "./sink_slack.ts";

export interface SlackApiSink extends Sink {
  readonly apiUrl: string;
  readonly token: string;
  readonly channel: string;
  /** Oldest first; a reply has thread_ts. */
  readonly messages: readonly SlackApiMessage[];
  /** Whether the bot has channels:history. */
  mayRead: boolean;
  /** As a person would. */
  remove(ts: string): void;
}

export interface SlackApiMessage {
  readonly ts: string;
  readonly content: Fields;
  readonly threadTs: string | undefined;
  readonly broadcast: boolean;
  readonly metadata: unknown;
  readonly edits: number;
}

const TOKEN = "xoxb-T0KEN";
const CHANNEL = "C0123456789";

const BODY = z.strictObject({
  channel: z.string(),
  ts: z.string().optional(),
  text: z.string().optional(),
  attachments: z.array(z.unknown()).optional(),
  blocks: z.array(z.unknown()).optional(),
  thread_ts: z.string().optional(),
  reply_broadcast: z.boolean().optional(),
  metadata: z.strictObject({
    event_type: z.string().regex(/^[a-z_]+$/),
    event_payload: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }).optional(),
});

type Body = z.output<typeof BODY>;

export async function startSlackApiSink(options: SinkOptions = {}): Promise<SlackApiSink> {
  let messages: SlackApiMessage[] = [];
  let posted = 0;
  const rights = { mayRead: true };
  const sink = await startSink(options, (request) => {
    const url = new URL(request.path, "http://sink");
    const method = url.pathname.replace(/^\/api\//, "");
    if (request.headers["authorization"] !== `Bearer ${TOKEN}`) return error("invalid_auth");
    if (method === "conversations.history") return history(url.searchParams);
    if (method !== "chat.postMessage" && method !== "chat.update") return error("unknown_method");
    return write(method, request);
  });

  const history = (query: URLSearchParams): SinkAnswer => {
    if (!rights.mayRead) return error("missing_scope");
    if (query.get("channel") !== CHANNEL) return error("channel_not_found");
    const whole = query.get("include_all_metadata") === "true";
    const shown = messages.filter(({ threadTs }) => threadTs === undefined).reverse().slice(
      0,
      Number(query.get("limit")),
    );
    const listed = shown.map(({ ts, content, metadata }) => ({
      ts,
      ...content,
      ...(whole ? { metadata } : {}),
    }));
    return json(200, { ok: true, messages: listed });
  };

  const write = (method: string, request: SinkRequest): SinkAnswer => {
    if (!request.headers["content-type"]?.startsWith("application/json")) return error("invalid_form_data");
    const checked = checkJson<Body>(BODY as Schema<Body>, request.body);
    if ("fault" in checked) return error("invalid_arguments");
    const { channel, ts, thread_ts: threadTs, reply_broadcast: broadcast, metadata, ...content } =
      checked.value;
    if (channel !== CHANNEL) return error("channel_not_found");
    const fault = slackMessageFault(content);
    if (fault !== undefined) return error(fault);
    if (method === "chat.update") {
      const present = messages.find((message) => message.ts === ts);
      if (present === undefined) return error("message_not_found");
      const next = { ...present, content, edits: present.edits + 1 };
      messages = messages.map((message) => message === present ? next : message);
      return json(200, { ok: true, channel, ts });
    }
    if (threadTs !== undefined && !messages.some((message) => message.ts === threadTs)) {
      return error("thread_not_found");
    }
    const stamp = `1700000000.${String(++posted).padStart(6, "0")}`;
    messages.push({ ts: stamp, content, threadTs, broadcast: broadcast === true, metadata, edits: 0 });
    return json(200, { ok: true, channel, ts: stamp, message: content });
  };

  return {
    ...sink,
    apiUrl: `${sink.url}/api`,
    token: TOKEN,
    channel: CHANNEL,
    get messages() {
      return messages;
    },
    get mayRead() {
      return rights.mayRead;
    },
    set mayRead(value) {
      rights.mayRead = value;
    },
    remove(ts) {
      messages = messages.filter((message) => message.ts !== ts);
    },
  };
}

function error(word: string): SinkAnswer {
  return json(200, { ok: false, error: word });
}
