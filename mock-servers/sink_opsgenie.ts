/**
 * Opsgenie's Alert API as published: create, close, acknowledge and notes, with every field and limit; keeps the alerts by alias.
 * Source: docs.opsgenie.com "Alert API". As there, a request about an alert that does not exist is taken, and does nothing.
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text } from "./sink_check.ts";
import { json, type Sink, type SinkAnswer, type SinkOptions, startSink } from "./sink_faults.ts";

export interface OpsgenieAlert {
  readonly status: "open" | "acknowledged" | "closed";
  readonly message: string;
  readonly priority: string;
  /** Creates with the same alias while it is open. */
  readonly count: number;
  readonly notes: readonly string[];
}

export interface OpsgenieSink extends Sink {
  readonly alertsUrl: string;
  readonly apiKey: string;
  readonly alerts: ReadonlyMap<string, OpsgenieAlert>;
}

const RESPONDER = z.strictObject({
  type: z.enum(["team", "user", "escalation", "schedule"]),
  id: text(200).optional(),
  name: text(200).optional(),
  username: text(200).optional(),
});
const CREATE = z.strictObject({
  message: text(130),
  alias: text(512).optional(),
  description: text(15_000).optional(),
  responders: z.array(RESPONDER).min(1).max(50).optional(),
  tags: z.array(text(50)).max(20).optional(),
  details: z.record(z.string(), z.string()).refine((map) => JSON.stringify(map).length <= 8000, "too long")
    .optional(),
  entity: text(512).optional(),
  source: text(100).optional(),
  priority: z.enum(["P1", "P2", "P3", "P4", "P5"]).optional(),
  user: text(100).optional(),
  note: text(25_000).optional(),
});
const FOLLOW_UP = z.strictObject({
  user: text(100).optional(),
  source: text(100).optional(),
  note: text(25_000).optional(),
});

type Create = z.output<typeof CREATE>;
type FollowUp = z.output<typeof FOLLOW_UP>;

const PATH = "/v2/alerts";
const API_KEY = "T0KEN-0000-0000-0000-000000000000";

export async function startOpsgenieSink(options: SinkOptions = {}): Promise<OpsgenieSink> {
  const alerts = new Map<string, OpsgenieAlert>();
  const sink = await startSink(options, (request) => {
    const url = new URL(request.path, "http://sink");
    if (!url.pathname.startsWith(PATH)) return json(404, { message: "Not Found", took: 0 });
    if (request.headers["authorization"] !== `GenieKey ${API_KEY}`) {
      return json(401, { message: "Could not authenticate", took: 0, requestId: "x" });
    }
    if (request.method !== "POST") return json(405, { message: "Method Not Allowed", took: 0 });
    if (url.pathname === PATH) return create(alerts, request.body);
    const [alias, verb] = url.pathname.slice(PATH.length + 1).split("/");
    if (url.searchParams.get("identifierType") !== "alias") {
      return unprocessable("identifierType", "must be alias");
    }
    return followUp(alerts, {
      alias: decodeURIComponent(alias as string),
      verb: verb ?? "",
      body: request.body,
    });
  });
  return { ...sink, alertsUrl: `${sink.url}${PATH}`, apiKey: API_KEY, alerts };
}

function create(alerts: Map<string, OpsgenieAlert>, body: string): SinkAnswer {
  const checked = checkJson<Create>(CREATE as Schema<Create>, body);
  if ("fault" in checked) return unprocessable(checked.field, checked.fault);
  const { message, priority = "P3", alias = `generated-${alerts.size}`, note } = checked.value;
  const present = alerts.get(alias);
  const notes = note === undefined ? [] : [note];
  alerts.set(
    alias,
    present === undefined || present.status === "closed"
      ? { status: "open", message, priority, count: 1, notes }
      : { ...present, count: present.count + 1, notes: [...present.notes, ...notes] },
  );
  return taken();
}

function followUp(
  alerts: Map<string, OpsgenieAlert>,
  order: { readonly alias: string; readonly verb: string; readonly body: string },
): SinkAnswer {
  const status = STATUS_AFTER[order.verb];
  if (status === undefined) return json(404, { message: "Not Found", took: 0 });
  const checked = checkJson<FollowUp>(FOLLOW_UP as Schema<FollowUp>, order.body);
  if ("fault" in checked) return unprocessable(checked.field, checked.fault);
  if (order.verb === "notes" && checked.value.note === undefined) {
    return unprocessable("note", "may not be empty");
  }
  const alert = alerts.get(order.alias);
  if (alert === undefined) return taken();
  const { note } = checked.value;
  const notes = note === undefined ? alert.notes : [...alert.notes, note];
  alerts.set(order.alias, { ...alert, notes, status: status === "same" ? alert.status : status });
  return taken();
}

const STATUS_AFTER: Readonly<Record<string, OpsgenieAlert["status"] | "same">> = {
  close: "closed",
  acknowledge: "acknowledged",
  notes: "same",
};

function taken(): SinkAnswer {
  return json(202, { result: "Request will be processed", took: 0.1, requestId: "x" });
}

function unprocessable(field: string, fault: string): SinkAnswer {
  const message = "Request body is not processable. Please check the errors.";
  return json(422, { message, errors: { [field]: fault }, took: 0, requestId: "x" });
}
