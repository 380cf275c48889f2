/**
 * An alert as an e-mail: text and HTML, and the fields that make clients show all mails of an incident as one conversation.
 * Sources: RFC 5322 §3.6.4 (Message-ID, In-Reply-To, References), RFC 3834 §5 (Auto-Submitted).
 */
import { createHash } from "node:crypto";
import type { AlertMessage } from "../model/message.ts";
import { colorHex, factsOf, footer, paragraphsOf, plainLines } from "./alert_parts.ts";

export interface EmailParts {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same for every attempt to send this message. */
  readonly messageId: string;
  /** The incident's: all its mails refer to it, whether a mail with this id was ever sent or not. */
  readonly thread: string;
  readonly date: Date;
  readonly urgent: boolean;
}

/** `domain`: of the sender, the right-hand side of the ids. */
export function emailParts(message: AlertMessage, domain: string): EmailParts {
  return {
    subject: message.title,
    text: plainLines(message),
    html: htmlOf(message),
    messageId: idOf(message.key, domain),
    thread: idOf(message.dedupKey, domain),
    date: new Date(message.at),
    urgent: message.color === "red",
  };
}

/** Keys hold names of monitors, so they are hashed: an id has no room for every character. */
function idOf(key: string, domain: string): string {
  return `<${createHash("sha256").update(key).digest("hex").slice(0, 40)}@${domain}>`;
}

/** Styles stand in the elements: mail clients drop everything else. */
function htmlOf(message: AlertMessage): string {
  const rows = factsOf(message).map(([name, text]) =>
    `<tr><td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">${escaped(name)}</td>` +
    `<td style="padding:2px 0;word-break:break-word">${escaped(text)}</td></tr>`
  );
  const paragraphs = paragraphsOf(message).map(({ heading, lines }) =>
    `<h3 style="margin:16px 0 4px;font-size:14px">${escaped(heading)}</h3>` +
    `<ul style="margin:0;padding-left:20px">${lines.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul>`
  );
  return [
    `<!doctype html><html><head><meta charset="utf-8"><title>${escaped(message.title)}</title></head>`,
    `<body style="margin:0;padding:16px;font:14px/1.4 sans-serif;color:#222">`,
    `<div style="max-width:640px;border-left:6px solid ${colorHex(message.color)};padding:4px 16px">`,
    `<h2 style="margin:0 0 8px;font-size:18px">${escaped(message.title)}</h2>`,
    `<p style="margin:0 0 12px">${escaped(message.summary)}</p>`,
    `<table style="border-collapse:collapse;font-size:14px">${rows.join("")}</table>`,
    ...paragraphs,
    `<p style="margin:16px 0 0;color:#888;font-size:12px">${escaped(footer(message))}</p>`,
    "</div></body></html>",
  ].join("\n");
}

function escaped(text: string): string {
  return text.toWellFormed().replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
