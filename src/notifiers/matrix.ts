/**
 * Alerts as messages in a Matrix room. The transaction id comes from the message's key, so that a homeserver drops repetitions. Not for
 * encrypted rooms. Mentions nobody.
 * Source: spec.matrix.org, client-server API v3: "PUT …/send/{eventType}/{txnId}", "m.room.message", "m.mentions"; an event has at
 * most 64 KiB.
 */
import { createHash } from "node:crypto";
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { HttpCall } from "../net/http_client.ts";
import { colorHex, factsOf, footer, paragraphsOf, plainLines } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason, parsedJson } from "./http_notifier.ts";

const CONFIG = z.strictObject({
  /** Of the homeserver. */
  url: httpUrlField(),
  token: z.string().regex(/^[!-~]+$/, "expected a token without spaces"),
  room: z.string().regex(/^![^\s:]+(:\S+)?$/, 'expected the id of a room such as "!abc:example.org"'),
});

type MatrixConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: matrix
    config: {url: "https://matrix.example.org", token: syt_XXXX, room: "!abc:example.org"}
`;

export const MATRIX = httpNotifier<MatrixConfig>({
  kind: "matrix",
  aliases: [],
  summary: "a message in a Matrix room that is not encrypted",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: callOf,
  reason: jsonReason("error", "errcode"),
  secrets: (config) => [config.token],
  verdict: rateLimit,
});

function callOf(message: AlertMessage, { url, token, room }: MatrixConfig): HttpCall {
  const transaction = createHash("sha256").update(message.key).digest("hex").slice(0, 40);
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${transaction}`;
  const body = {
    msgtype: message.color === "red" || message.color === "yellow" ? "m.text" : "m.notice",
    body: `${message.title}\n${plainLines(message)}`.toWellFormed(),
    format: "org.matrix.custom.html",
    "formatted_body": htmlOf(message),
    "m.mentions": {},
  };
  const call = jsonCall(`${url.replace(/\/$/, "")}${path}`, body, [["Authorization", `Bearer ${token}`]]);
  return { ...call, method: "PUT" };
}

function htmlOf(message: AlertMessage): string {
  const facts = factsOf(message).map(([name, text]) => `<li><b>${name}:</b> ${escaped(text)}</li>`);
  const paragraphs = paragraphsOf(message).map(({ heading, lines }) =>
    `<p><b>${heading}</b></p><ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul>`
  );
  return [
    `<h4><font data-mx-color="${colorHex(message.color)}" color="${colorHex(message.color)}">${
      escaped(message.title)
    }</font></h4>`,
    `<p>${escaped(message.summary)}</p><ul>${facts.join("")}</ul>`,
    ...paragraphs,
    `<p><sub>${escaped(footer(message))}</sub></p>`,
  ].join("");
}

function escaped(text: string): string {
  return text.toWellFormed().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Older homeservers name the pause in the body only. */
function rateLimit(answer: { readonly status: number; readonly body: string }) {
  if (answer.status !== 429) return undefined;
  const shape = z.object({ "retry_after_ms": z.number().min(0).max(3_600_000) });
  const parsed = shape.safeParse(parsedJson(answer.body));
  return parsed.success ? { class: "retry", retryAfterMs: parsed.data.retry_after_ms } as const : undefined;
}
