/**
 * Slack as a bot: an incident is one message that is brought up to date, and every later step a reply in its thread, since an update
 * notifies nobody; red replies are shown in the channel too. Which message is an incident's is remembered, and told by Slack itself
 * (metadata of the message) when this process does not know it.
 * Sources: docs.slack.dev methods chat.postMessage, chat.update, conversations.history; "Message metadata"; "Rate limits".
 */
import { z } from "../base/schema.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult } from "../model/plugin.ts";
import type { HttpAnswer, HttpCall } from "../net/http_client.ts";
import type { AnswerClass } from "../net/retry_class.ts";
import { exchange, NOTHING_OPEN } from "./deliver.ts";
import { jsonCall, parsedJson } from "./http_notifier.ts";
import { slackBody, slackText } from "./slack_blocks.ts";

export interface SlackBotConfig {
  readonly token: string;
  readonly channel: string;
  readonly apiUrl: string;
}

const EVENT_TYPE = "cpra_incident";
/** Incidents whose message is remembered. */
const KNOWN_MAX = 5000;
/** Messages looked through for one that is not. */
const HISTORY_LIMIT = 200;

/** Errors of the methods' pages that pass by themselves. Slack answers errors with 200. */
const PASSING = new Set([
  "ratelimited",
  "rate_limited",
  "internal_error",
  "fatal_error",
  "request_timeout",
  "service_unavailable",
  "team_added_to_org",
]);
/** The message cannot be changed any more: the incident gets a new one. */
const GONE = new Set(["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"]);

const ANSWER = z.object({
  ok: z.boolean(),
  error: z.string().regex(/^[a-z_]{1,60}$/).optional().catch(undefined),
  ts: z.string().optional(),
  messages: z.array(z.object({
    ts: z.string(),
    metadata: z.object({ "event_type": z.string(), "event_payload": z.record(z.string(), z.unknown()) })
      .optional()
      .catch(undefined),
  })).optional().catch(undefined),
});

type Answer = z.output<typeof ANSWER>;

interface Said {
  readonly result: DeliveryResult;
  readonly answer: Answer | undefined;
}

export function openSlackBot(config: SlackBotConfig, channel: string): Channel {
  const bot = new SlackBot(config, channel);
  return { ...NOTHING_OPEN, send: (message, signal) => bot.send(message, signal) };
}

class SlackBot {
  readonly #config: SlackBotConfig;
  readonly #name: string;
  /** Time stamps, Slack's ids of messages, by incident; the least recently used is forgotten first. */
  readonly #known = new Map<string, string>();
  /** Whose first message may have arrived although the answer did not. */
  readonly #unsure = new Set<string>();
  /** False once Slack said that the bot may not read. */
  #mayRead = true;

  constructor(config: SlackBotConfig, name: string) {
    this.#config = config;
    this.#name = name;
  }

  async send(message: AlertMessage, signal: AbortSignal): Promise<DeliveryResult> {
    const incident = message.dedupKey;
    const found = await this.#find(message, signal);
    if (found.failure !== undefined) return found.failure;
    if (found.ts === undefined) return await this.#post(message, signal);
    this.#remember(incident, found.ts);
    const updated = await this.#say("chat.update", { ts: found.ts, ...slackBody(message) }, signal);
    if (GONE.has(updated.answer?.error ?? "")) {
      this.#known.delete(incident);
      return await this.#post(message, signal);
    }
    if (updated.result.result !== "sent") return updated.result;
    const reply = {
      "thread_ts": found.ts,
      text: slackText(message),
      "reply_broadcast": message.color === "red",
    };
    return (await this.#say("chat.postMessage", reply, signal)).result;
  }

  async #post(message: AlertMessage, signal: AbortSignal): Promise<DeliveryResult> {
    const metadata = { "event_type": EVENT_TYPE, "event_payload": { "dedup_key": message.dedupKey } };
    const { result, answer } = await this.#say(
      "chat.postMessage",
      { ...slackBody(message), metadata },
      signal,
    );
    if (answer?.ts !== undefined) this.#remember(message.dedupKey, answer.ts);
    if (result.result === "retry") this.#unsure.add(message.dedupKey);
    else this.#unsure.delete(message.dedupKey);
    if (this.#unsure.size > KNOWN_MAX) this.#unsure.delete(this.#unsure.values().next().value as string);
    return result;
  }

  /** The incident's message, if there is one. An incident's first alert is not looked for. */
  async #find(
    message: AlertMessage,
    signal: AbortSignal,
  ): Promise<{ readonly ts?: string | undefined; readonly failure?: DeliveryResult }> {
    const incident = message.dedupKey;
    const known = this.#known.get(incident);
    if (known !== undefined || !this.#mayRead) return { ts: known };
    if (message.seq <= 1 && !this.#unsure.has(incident)) return {};
    const { result, answer } = await this.#read(signal);
    if (result.result === "retry") return { failure: result };
    // A bot without the scope goes on without.
    if (result.result === "refused") this.#mayRead = false;
    const found = answer?.messages?.find(({ metadata }) =>
      metadata?.event_type === EVENT_TYPE && metadata.event_payload["dedup_key"] === incident
    );
    return { ts: found?.ts };
  }

  #remember(incident: string, ts: string): void {
    this.#known.delete(incident);
    if (this.#known.size >= KNOWN_MAX) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(incident, ts);
  }

  #say(method: string, body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Said> {
    const { apiUrl, token, channel } = this.#config;
    return this.#call(jsonCall(`${apiUrl}/${method}`, { channel, ...body }, [bearer(token)]), signal);
  }

  #read(signal: AbortSignal): Promise<Said> {
    const { apiUrl, token, channel } = this.#config;
    const query = `channel=${channel}&limit=${HISTORY_LIMIT}&include_all_metadata=true`;
    const url = `${apiUrl}/conversations.history?${query}`;
    return this.#call(
      { method: "GET", url, headers: [bearer(token)], answerLimitBytes: 4 * 1024 * 1024 },
      signal,
    );
  }

  async #call(call: HttpCall, signal: AbortSignal): Promise<Said> {
    const options = {
      channel: this.#name,
      explain: (answer: HttpAnswer) => parseAnswer(answer)?.error ?? "",
      verdict,
    };
    const { result, answer } = await exchange(call, options, signal);
    return { result, answer: answer === undefined ? undefined : parseAnswer(answer) };
  }
}

function bearer(token: string): readonly [string, string] {
  return ["Authorization", `Bearer ${token}`];
}

/** A success that says nothing of itself is none. */
function verdict(answer: HttpAnswer): AnswerClass | undefined {
  if (answer.status !== 200) return undefined;
  const parsed = parseAnswer(answer);
  if (parsed === undefined) return { class: "retry" };
  if (parsed.ok) return { class: "ok" };
  return { class: PASSING.has(parsed.error ?? "") ? "retry" : "refused" };
}

function parseAnswer(answer: HttpAnswer): Answer | undefined {
  return ANSWER.safeParse(parsedJson(answer.body)).data;
}
