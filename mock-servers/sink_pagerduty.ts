/**
 * PagerDuty's Events API v2 as published: checks every field of alert and change events, keeps the alerts by dedup_key.
 * Source: developer.pagerduty.com, "Send an alert event" and "Send a change event".
 */
import { json, type Sink, type SinkAnswer, type SinkOptions, startSink } from "./sink_faults.ts";

export interface PagerdutyAlert {
  readonly dedupKey: string;
  readonly status: "triggered" | "acknowledged" | "resolved";
  /** Of the last trigger. */
  readonly severity: string;
  readonly summary: string;
  readonly triggers: number;
}

export interface PagerdutySink extends Sink {
  /** By dedup_key; a trigger after a resolve opens the alert anew. */
  readonly alerts: ReadonlyMap<string, PagerdutyAlert>;
  /** Summaries of change events, oldest first. */
  readonly changes: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const ACTIONS = ["trigger", "acknowledge", "resolve"];
const SEVERITIES = ["critical", "error", "warning", "info"];
/** The service's own limit on an event, bytes. */
const EVENT_BYTES_MAX = 512 * 1024;

export async function startPagerdutySink(options: SinkOptions = {}): Promise<PagerdutySink> {
  const alerts = new Map<string, PagerdutyAlert>();
  const changes: string[] = [];
  const sink = await startSink(options, (request) => {
    if (request.method !== "POST") return json(405, { message: "Method Not Allowed" });
    if (request.path !== "/v2/enqueue" && request.path !== "/v2/change/enqueue") {
      return json(404, { message: "Not Found" });
    }
    if (Buffer.byteLength(request.body) > EVENT_BYTES_MAX) {
      return json(413, { message: "Request Entity Too Large" });
    }
    const event = parseObject(request.body);
    if (event === undefined) return invalid(["Invalid JSON"]);
    const change = request.path === "/v2/change/enqueue";
    const errors = change ? changeErrors(event) : alertErrors(event);
    if (errors.length > 0) return invalid(errors);
    if (change) {
      changes.push((event["payload"] as { summary: string }).summary);
      return json(202, { status: "success", message: "Change event processed" });
    }
    const dedupKey = typeof event["dedup_key"] === "string" ? event["dedup_key"] : `generated-${alerts.size}`;
    applyEvent(alerts, dedupKey, event);
    return json(202, { status: "success", message: "Event processed", dedup_key: dedupKey });
  });
  return { ...sink, alerts, changes };
}

function invalid(errors: readonly string[]): SinkAnswer {
  return json(400, { status: "invalid event", message: "Event object is invalid", errors });
}

/** Acknowledging or resolving what is not open changes nothing, and is still answered with 202. */
function applyEvent(alerts: Map<string, PagerdutyAlert>, dedupKey: string, event: Fields): void {
  const open = alerts.get(dedupKey);
  if (event["event_action"] === "trigger") {
    const { severity, summary } = event["payload"] as { severity: string; summary: string };
    const triggers = (open?.triggers ?? 0) + 1;
    // A trigger does not take an acknowledgement back.
    const status = open?.status === "acknowledged" ? "acknowledged" : "triggered";
    alerts.set(dedupKey, { dedupKey, status, severity, summary, triggers });
    return;
  }
  if (open === undefined || open.status === "resolved") return;
  alerts.set(dedupKey, {
    ...open,
    status: event["event_action"] === "resolve" ? "resolved" : "acknowledged",
  });
}

function alertErrors(event: Fields): string[] {
  const errors = [...keyErrors(event)];
  const action = event["event_action"];
  const known = [
    "routing_key",
    "event_action",
    "dedup_key",
    "client",
    "client_url",
    "payload",
    "links",
    "images",
  ];
  errors.push(...unknownFields(event, known));
  if (typeof action !== "string" || !ACTIONS.includes(action)) {
    errors.push("'event_action' is missing or invalid");
  }
  const key = event["dedup_key"];
  if (key !== undefined && (typeof key !== "string" || key === "")) {
    errors.push("'dedup_key' must be a non-empty string");
  }
  if (typeof key === "string" && key.length > 255) errors.push("'dedup_key' must be at most 255 characters");
  if ((action === "acknowledge" || action === "resolve") && key === undefined) {
    errors.push(`'dedup_key' is required to ${action}`);
  }
  for (const name of ["client", "client_url"]) errors.push(...textErrors(event, name));
  if (action === "trigger") errors.push(...payloadErrors(event["payload"]));
  errors.push(
    ...listErrors(event, "links", ["href", "text"], "href"),
    ...listErrors(event, "images", ["src", "href", "alt"], "src"),
  );
  return errors;
}

function payloadErrors(value: unknown): string[] {
  const payload = asObject(value);
  if (payload === undefined) return ["'payload' is missing or invalid"];
  const known = [
    "summary",
    "source",
    "severity",
    "timestamp",
    "component",
    "group",
    "class",
    "custom_details",
  ];
  const errors = [...unknownFields(payload, known, "payload."), ...summaryErrors(payload)];
  const { source, severity } = payload;
  if (typeof source !== "string" || source === "") errors.push("'payload.source' is missing or blank");
  if (typeof severity !== "string" || !SEVERITIES.includes(severity)) {
    errors.push(
      "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    );
  }
  for (const name of ["component", "group", "class"]) errors.push(...textErrors(payload, name, "payload."));
  return errors;
}

function changeErrors(event: Fields): string[] {
  const errors = [
    ...keyErrors(event),
    ...unknownFields(event, ["routing_key", "payload", "links", "images"]),
  ];
  const payload = asObject(event["payload"]);
  if (payload === undefined) return [...errors, "'payload' is missing or invalid"];
  errors.push(...unknownFields(payload, ["summary", "source", "timestamp", "custom_details"], "payload."));
  return [...errors, ...summaryErrors(payload), ...textErrors(payload, "source", "payload.")];
}

function keyErrors(event: Fields): string[] {
  const key = event["routing_key"];
  return typeof key === "string" && /^[0-9A-Za-z]{32}$/.test(key)
    ? []
    : ["'routing_key' is missing or invalid"];
}

function summaryErrors(payload: Fields): string[] {
  const errors: string[] = [];
  const { summary, timestamp, custom_details: details } = payload;
  if (typeof summary !== "string" || summary === "") errors.push("'payload.summary' is missing or blank");
  else if (summary.length > 1024) errors.push("'payload.summary' must be at most 1024 characters");
  if (timestamp !== undefined && (typeof timestamp !== "string" || !ISO_TIME.test(timestamp))) {
    errors.push("'payload.timestamp' is not an ISO 8601 time");
  }
  if (details !== undefined && asObject(details) === undefined) {
    errors.push("'payload.custom_details' must be an object");
  }
  return errors;
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;

function textErrors(fields: Fields, name: string, prefix = ""): string[] {
  const value = fields[name];
  return value === undefined || typeof value === "string" ? [] : [`'${prefix}${name}' must be a string`];
}

function listErrors(event: Fields, name: string, known: readonly string[], required: string): string[] {
  const list = event[name];
  if (list === undefined) return [];
  if (!Array.isArray(list)) return [`'${name}' must be an array`];
  return list.flatMap((item: unknown, index) => {
    const fields = asObject(item);
    if (fields === undefined) return [`'${name}[${index}]' must be an object`];
    const address = fields[required];
    const wrong = typeof address !== "string" || !/^https?:\/\//.test(address);
    return [
      ...unknownFields(fields, known, `${name}[${index}].`),
      ...(wrong ? [`'${name}[${index}].${required}' is no URL`] : []),
    ];
  });
}

function unknownFields(fields: Fields, known: readonly string[], prefix = ""): string[] {
  return Object.keys(fields).filter((name) => !known.includes(name)).map((name) =>
    `'${prefix}${name}' is not a field of the API`
  );
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
