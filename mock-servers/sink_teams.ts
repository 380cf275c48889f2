/**
 * A Teams workflow ("When a Teams webhook request is received", then "Post card in a chat or channel") as published: checks the
 * envelope and the Adaptive Card, answers 202, and Logic Apps' errors.
 * Sources: learn.microsoft.com "Create incoming webhooks with Workflows"; adaptivecards.io, schema 1.4.
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text, WEB_ADDRESS } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface TeamsSink extends Sink {
  readonly hookUrl: string;
  readonly cards: readonly TeamsCard[];
}

const SPACING = z.enum(["none", "small", "default", "medium", "large", "extraLarge", "padding", "Small"]);
const TEXT_BLOCK = z.strictObject({
  type: z.literal("TextBlock"),
  text: text(28_000),
  wrap: z.boolean().optional(),
  size: z.enum(["Small", "Default", "Medium", "Large", "ExtraLarge"]).optional(),
  weight: z.enum(["Lighter", "Default", "Bolder"]).optional(),
  style: z.enum(["default", "heading"]).optional(),
  isSubtle: z.boolean().optional(),
  separator: z.boolean().optional(),
  spacing: SPACING.optional(),
});
const FACT_SET = z.strictObject({
  type: z.literal("FactSet"),
  facts: z.array(z.strictObject({ title: text(200), value: text(28_000) })).min(1),
});
const CONTAINER = z.strictObject({
  type: z.literal("Container"),
  style: z.enum(["default", "emphasis", "good", "attention", "warning", "accent"]).optional(),
  bleed: z.boolean().optional(),
  items: z.array(TEXT_BLOCK).min(1),
});
const CARD = z.strictObject({
  $schema: z.literal("http://adaptivecards.io/schemas/adaptive-card.json"),
  type: z.literal("AdaptiveCard"),
  version: z.enum(["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]),
  fallbackText: z.string().optional(),
  msteams: z.strictObject({ width: z.literal("Full") }).optional(),
  body: z.array(z.discriminatedUnion("type", [TEXT_BLOCK, FACT_SET, CONTAINER])).min(1),
  actions: z.array(z.strictObject({ type: z.literal("Action.OpenUrl"), title: text(100), url: WEB_ADDRESS }))
    .max(6)
    .optional(),
});
const ENVELOPE = z.strictObject({
  type: z.literal("message"),
  attachments: z.array(z.strictObject({
    contentType: z.literal("application/vnd.microsoft.card.adaptive"),
    contentUrl: z.null(),
    content: CARD,
  })).length(1),
});

export type TeamsCard = z.output<typeof CARD>;
type Envelope = z.output<typeof ENVELOPE>;

const PATH = "/workflows/abc/triggers/manual/paths/invoke";
const SIGNATURE = "T0KEN";
const MESSAGE_BYTES_MAX = 28 * 1024;

export async function startTeamsSink(options: SinkOptions = {}): Promise<TeamsSink> {
  const cards: TeamsCard[] = [];
  const sink = await startSink(options, (request) => {
    const url = new URL(request.path, "http://sink");
    if (url.pathname !== PATH) return fault(404, "WorkflowNotFound");
    if (url.searchParams.get("sig") !== SIGNATURE) return fault(401, "DirectApiAuthorizationRequired");
    if (request.method !== "POST") return fault(405, "MethodNotAllowed");
    if (Buffer.byteLength(request.body) > MESSAGE_BYTES_MAX) return fault(413, "RequestEntityTooLarge");
    const checked = checkJson<Envelope>(ENVELOPE as Schema<Envelope>, request.body);
    if ("fault" in checked) {
      return fault(400, "TriggerInputSchemaMismatch", `${checked.field}: ${checked.fault}`);
    }
    cards.push((checked.value.attachments[0] as Envelope["attachments"][number]).content);
    return { status: 202, body: "" };
  });
  return { ...sink, hookUrl: `${sink.url}${PATH}?api-version=2016-06-01&sig=${SIGNATURE}`, cards };
}

function fault(status: number, code: string, message = "") {
  return json(status, { error: { code, message } });
}
