/**
 * Alerts as Microsoft Teams messages through a workflow ("When a Teams webhook request is received"): one Adaptive Card. The URL of
 * the workflow is the secret. The older Office 365 connectors and their MessageCards are gone, and not supported.
 * Sources: learn.microsoft.com "Create incoming webhooks with Workflows", adaptivecards.io schema 1.4; a message has at most 28 KB.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { cutChars, factsOf, footer, type Paragraph, paragraphsOf, targetLink } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const CONFIG = z.strictObject({ url: httpUrlField() });

/** Characters. With them a card of the largest alert stays below 28 KB. */
const TEXT_MAX = 220;

/** Styles of a Container. */
const STYLE_OF: Readonly<Record<Color, string>> = {
  red: "attention",
  yellow: "warning",
  green: "good",
  cyan: "accent",
  gray: "emphasis",
};

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: teams
    config: {url: "https://prod-01.westeurope.logic.azure.com/workflows/XXXX/triggers/manual/paths/invoke?sig=XXXX"}
`;

export const TEAMS = httpNotifier<z.output<typeof CONFIG>>({
  kind: "teams",
  aliases: ["msteams"],
  summary: "a Microsoft Teams message through a workflow, as an Adaptive Card",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => jsonCall(config.url, bodyOf(message)),
  reason: jsonReason("error.code"),
});

function bodyOf(message: AlertMessage) {
  const link = targetLink(message);
  return {
    type: "message",
    attachments: [{
      contentType: "application/vnd.microsoft.card.adaptive",
      contentUrl: null,
      content: {
        $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        type: "AdaptiveCard",
        version: "1.4",
        fallbackText: plain(message.title),
        msteams: { width: "Full" },
        body: [
          { type: "Container", style: STYLE_OF[message.color], bleed: true, items: [heading(message)] },
          textBlock(message.summary),
          {
            type: "FactSet",
            facts: factsOf(message).map(([title, value]) => ({ title, value: plain(value) })),
          },
          ...paragraphsOf(message).flatMap(paragraph),
          { ...textBlock(footer(message)), size: "Small", isSubtle: true },
        ],
        ...(link === undefined
          ? {}
          : { actions: [{ type: "Action.OpenUrl", title: "Open target", url: link }] }),
      },
    }],
  };
}

function heading(message: AlertMessage) {
  return { ...textBlock(message.title), size: "Large", weight: "Bolder", style: "heading" };
}

function paragraph({ heading, lines }: Paragraph) {
  return [
    { ...textBlock(heading), weight: "Bolder", separator: true },
    ...lines.map((line) => ({ ...textBlock(line), spacing: "Small" })),
  ];
}

function textBlock(text: string) {
  return { type: "TextBlock", text: plain(text), wrap: true };
}

/** Cards read a part of Markdown: what would be taken as such is escaped. */
function plain(text: string): string {
  return cutChars(text, TEXT_MAX).replace(/[\\*_~`[\]<>#]/g, "\\$&");
}
