/**
 * An alert cut into the parts that chat, mail and push channels show: a headline, named facts, paragraphs. One place, so that
 * every channel tells the same in the same words. Texts are not escaped: each channel does that for its own form.
 */
import { createHash } from "node:crypto";
import { formatDuration } from "../base/duration.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";

/** RGB, for the bar beside a message. */
export const COLOR_RGB: Readonly<Record<Color, number>> = {
  red: 0xd32f2f,
  yellow: 0xf9a825,
  green: 0x2e7d32,
  cyan: 0x0097a7,
  gray: 0x757575,
};

export function colorHex(color: Color): string {
  return `#${COLOR_RGB[color].toString(16).padStart(6, "0")}`;
}

export function headline(message: AlertMessage): string {
  return `${message.title}: ${message.summary}`;
}

/** At most 8, and only those that say something. */
export function factsOf(message: AlertMessage): readonly (readonly [name: string, text: string])[] {
  const facts = [
    ["Monitor", message.monitor],
    ["Status", message.status],
    ["Target", `${message.kind} ${message.target}`],
    ["Error", message.error],
    ["Output", message.output],
    ["Since", message.since],
    ["Failing for", message.failingForMs > 0 ? failingFor(message) : ""],
    ["Groups", message.groups.join(", ")],
  ] as const;
  return facts.filter(([, text]) => text !== "");
}

/** Rounded to seconds: "1m31s". */
export function failingFor(message: AlertMessage): string {
  return formatDuration(Math.round(message.failingForMs / 1000) * 1000);
}

export interface Paragraph {
  /** "" for a paragraph without a heading. */
  readonly heading: string;
  readonly lines: readonly string[];
}

/** What was tried and what to do, without those that are empty. */
export function paragraphsOf(message: AlertMessage): readonly Paragraph[] {
  const paragraphs: Paragraph[] = [];
  if (message.tried.length > 0) paragraphs.push({ heading: "Tried", lines: message.tried });
  if (message.recommendedAction !== "") {
    paragraphs.push({ heading: "Recommended", lines: [message.recommendedAction] });
  }
  if (message.nextSteps.length > 0) paragraphs.push({ heading: "Next steps", lines: message.nextSteps });
  return paragraphs;
}

/** What identifies an alert to those who look into a log, for a message's last line. */
export function footer(message: AlertMessage): string {
  return `incident ${message.incident} · ${message.at}`;
}

/** Everything but the title as plain lines, the most important first, so that cutting the end loses the least. */
export function plainLines(message: AlertMessage): string {
  const lines = [message.summary, "", ...factsOf(message).map(([name, text]) => `${name}: ${text}`)];
  for (const { heading, lines: items } of paragraphsOf(message)) {
    lines.push("", `${heading}:`, ...items.map((item) => `- ${item}`));
  }
  return [...lines, "", footer(message)].join("\n").toWellFormed();
}

/** At most `charsMax` UTF-16 units, with a mark where something was cut, and never half a character. */
export function cutChars(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text.toWellFormed();
  const last = text.charCodeAt(charsMax - 2);
  const end = last >= 0xd800 && last <= 0xdbff ? charsMax - 2 : charsMax - 1;
  return `${text.slice(0, end)}…`.toWellFormed();
}

/** At most `bytesMax` bytes of UTF-8, with a mark where something was cut, and never half a character. */
export function cutBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text.toWellFormed());
  if (bytes.length <= bytesMax) return text.toWellFormed();
  let end = bytesMax - Buffer.byteLength("…");
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString("utf8")}…`;
}

/** The address of what was checked, when it is one that people can open and nobody's name is in it. */
export function targetLink(message: AlertMessage): string | undefined {
  if (!/^https?:\/\//.test(message.target) || !URL.canParse(message.target)) return undefined;
  const url = new URL(message.target);
  return url.username === "" ? url.href : undefined;
}

/** A key too long for a service keeps its head for people and ends in a digest, so that a resolve still finds its trigger. */
export function boundedKey(key: string, charsMax: number): string {
  if (key.length <= charsMax) return key;
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${key.slice(0, charsMax - digest.length - 1)}~${digest}`.toWellFormed();
}
