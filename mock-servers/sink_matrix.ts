/**
 * A Matrix homeserver's "send a message" as published: the room, the token, the event's fields, and one event per transaction id.
 * Source: spec.matrix.org, client-server API, "Sending events to a room", "m.room.message", "Standard error response".
 */
import { type Schema, z } from "../src/base/schema.ts";
import { checkJson, text } from "./sink_check.ts";
import { json, type Sink, type SinkOptions, startSink } from "./sink_faults.ts";

export interface MatrixSink extends Sink {
  readonly token: string;
  readonly room: string;
  /** By transaction id. */
  readonly events: ReadonlyMap<string, MatrixEvent>;
}

const EVENT = z.strictObject({
  msgtype: z.enum(["m.text", "m.notice", "m.emote"]),
  body: text(60_000),
  format: z.literal("org.matrix.custom.html").optional(),
  formatted_body: text(60_000).optional(),
  "m.mentions": z.strictObject({ user_ids: z.array(z.string()).optional(), room: z.boolean().optional() })
    .optional(),
});

export type MatrixEvent = z.output<typeof EVENT>;

const TOKEN = "syt_T0KEN";
const ROOM = "!abc:example.org";
const EVENT_BYTES_MAX = 65_536;

export async function startMatrixSink(options: SinkOptions = {}): Promise<MatrixSink> {
  const events = new Map<string, MatrixEvent>();
  const sink = await startSink(options, (request) => {
    const path = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/m\.room\.message\/([^/]+)$/.exec(
      request.path,
    );
    if (path === null) return fault(404, "M_UNRECOGNIZED", "Unrecognized request");
    if (request.method !== "PUT") return fault(405, "M_UNRECOGNIZED", "Unrecognized request");
    if (request.headers["authorization"] !== `Bearer ${TOKEN}`) {
      return fault(401, "M_UNKNOWN_TOKEN", "Unknown token");
    }
    if (decodeURIComponent(path[1] as string) !== ROOM) {
      return fault(403, "M_FORBIDDEN", "You are not in the room");
    }
    if (Buffer.byteLength(request.body) > EVENT_BYTES_MAX) {
      return fault(413, "M_TOO_LARGE", "event too large");
    }
    const checked = checkJson<MatrixEvent>(EVENT as Schema<MatrixEvent>, request.body);
    if ("fault" in checked) return fault(400, "M_BAD_JSON", `${checked.field} ${checked.fault}`);
    const transaction = path[2] as string;
    if (!events.has(transaction)) events.set(transaction, checked.value);
    return json(200, { "event_id": `$${transaction}` });
  });
  return { ...sink, token: TOKEN, room: ROOM, events };
}

function fault(status: number, errcode: string, error: string) {
  return json(status, { errcode, error });
}
