/**
 * An alert as Slack shows it: one coloured attachment with blocks, and a plain text for notifications. Mentions nobody.
 * Sources: docs.slack.dev "Block Kit: blocks", "Formatting text for app surfaces".
 */
import type { AlertMessage } from "../model/message.ts";
import { colorHex, factsOf, footer, headline } from "./alert_parts.ts";

/** Characters, of Block Kit's texts after escaping. */
const HEADER_CHARS_MAX = 150;
const SECTION_CHARS_MAX = 3000;
const FIELD_CHARS_MAX = 2000;
/** Not Slack's limit but a reader's: the fallback is what a phone shows. */
const FALLBACK_CHARS_MAX = 300;

/** What a phone shows. */
export function slackText(message: AlertMessage): string {
  return escaped(headline(message), FALLBACK_CHARS_MAX);
}

export function slackBody(message: AlertMessage) {
  return {
    text: slackText(message),
    attachments: [{ color: colorHex(message.color), blocks: blocksOf(message) }],
  };
}

function blocksOf(message: AlertMessage): readonly unknown[] {
  const blocks: unknown[] = [
    { type: "header", text: { type: "plain_text", text: escaped(message.title, HEADER_CHARS_MAX) } },
    section(message.summary),
    { type: "section", fields: factsOf(message).map(([name, text]) => field(name, text)) },
  ];
  if (message.tried.length > 0) blocks.push(section(`Tried:\n${bullets(message.tried)}`));
  if (message.recommendedAction !== "") blocks.push(section(`Recommended: ${message.recommendedAction}`));
  if (message.nextSteps.length > 0) blocks.push(section(bullets(message.nextSteps)));
  blocks.push({
    type: "context",
    elements: [mrkdwn(footer(message), FIELD_CHARS_MAX)],
  });
  return blocks;
}

function field(name: string, text: string) {
  const head = `*${name}*\n`;
  return { type: "mrkdwn", text: head + escaped(text, FIELD_CHARS_MAX - head.length) };
}

function section(text: string) {
  return { type: "section", text: mrkdwn(text === "" ? "–" : text, SECTION_CHARS_MAX) };
}

function mrkdwn(text: string, charsMax: number) {
  return { type: "mrkdwn", text: escaped(text, charsMax) };
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `• ${line}`).join("\n");
}

/** Escapes the three characters Slack gives a meaning to, and cuts between characters so that no entity is split. */
function escaped(text: string, charsMax: number): string {
  let result = "";
  for (const character of text) {
    const piece = character === "&"
      ? "&amp;"
      : character === "<"
      ? "&lt;"
      : character === ">"
      ? "&gt;"
      : character;
    // Room for the mark that something was cut.
    if (result.length + piece.length > charsMax - 1) return `${result}…`;
    result += piece;
  }
  return result;
}
