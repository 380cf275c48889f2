/**
 * Mattermost's incoming web hooks as published: checks the post and its attachments, answers with the server's errors.
 * Source: developers.mattermost.com "Incoming webhooks", "Message attachments".
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface MattermostSink extends Sink {
  readonly hookUrl: string;
  readonly posts: readonly MattermostPost[];
}

const ATTACHMENT = z.strictObject({
  fallback: text(16_383).optional(),
  color: z.string().regex(/^#[0-9a-f]{6}$/i).optional(),
  pretext: text(16_383).optional(),
  title: text(1000).optional(),
  title_link: WEB_ADDRESS.optional(),
  text: text(16_383).optional(),
  fields: z.array(z.strictObject({ title: text(300), value: text(16_383), short: z.boolean().optional() }))
    .optional(),
  footer: text(300).optional(),
});
const POST = z.strictObject({
  text: text(16_383).optional(),
  channel: text(64).optional(),
  username: text(64).optional(),
  icon_url: WEB_ADDRESS.optional(),
  attachments: z.array(ATTACHMENT).min(1).optional(),
});

export type MattermostPost = z.output<typeof POST>;

const PATH = "/hooks/T0KENhook";
/** The channels of the team. */
const CHANNELS = ["ops", "town-square"];

export async function startMattermostSink(options: SinkOptions = {}): Promise<MattermostSink> {
  const posts: MattermostPost[] = [];
  const sink = await startSink(options, (request) => {
    if (request.path !== PATH) {
      return fault(404, "web.incoming_webhook.invalid.app_error", "Invalid webhook.");
    }
    if (request.method !== "POST") return fault(405, "api.context.405.app_error", "Method not allowed.");
    const checked = checkJson<MattermostPost>(POST as Schema<MattermostPost>, request.body);
    if ("fault" in checked) {
      return fault(400, "web.incoming_webhook.parse.app_error", "Unable to parse incoming data.");
    }
    const post = checked.value;
    if (post.text === undefined && post.attachments === undefined) {
      return fault(400, "web.incoming_webhook.text.app_error", "No text specified.");
    }
    // A mention in an attachment reaches everybody.
    if (/@(all|channel|here)/i.test(request.body)) return fault(403, "sink.mention", "Mentions everybody.");
    if (post.channel !== undefined && !CHANNELS.includes(post.channel)) {
      return fault(404, "web.incoming_webhook.channel.app_error", "Couldn't find the channel.");
    }
    posts.push(post);
    return { status: 200, headers: { "Content-Type": "text/plain" }, body: "ok" };
  });
  return { ...sink, hookUrl: `${sink.url}${PATH}`, posts };
}

function fault(status: number, id: string, message: string) {
  return json(status, { id, message, "detailed_error": "", "request_id": "x", "status_code": status });
}
