/** Alerts as one readable line each on standard output, for a terminal, a container's log or the journal. */
import { formatDuration } from "../base/duration.ts";
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { AlertMessage } from "../model/message.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { descriptorTarget, type LineResult, LineWriter } from "./line_writer.ts";

export type ConsoleConfig = Readonly<Record<string, never>>;

const STANDARD_OUTPUT = 1;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: console
`;

export const CONSOLE: Notifier<ConsoleConfig> = {
  kind: "console",
  aliases: ["stdout"],
  summary: "one readable line per alert on standard output",
  schema: z.strictObject({}),
  example: EXAMPLE,
  descriptors: 0,
  estimateMs: 1,
  timeoutMs: 10_000,
  describe: () => "console",
  open() {
    const writer = new LineWriter(descriptorTarget(STANDARD_OUTPUT));
    return {
      async send(message, signal) {
        return deliveryOf(await writer.append(alertLine(message), signal));
      },
      reopen: () => Promise.resolve(),
      close: () => writer.release(),
    };
  },
};

/** Everything that came from outside is escaped: a target cannot forge a line or move the cursor. */
function alertLine(message: AlertMessage): string {
  const facts = [`target ${message.kind} ${message.target}`];
  if (message.error !== "") facts.push(`error ${message.error}`);
  if (message.since !== "") {
    const wholeSeconds = Math.round(message.failingForMs / 1000) * 1000;
    facts.push(`since ${message.since} (${formatDuration(wholeSeconds)})`);
  }
  for (const tried of message.tried) facts.push(`tried ${tried}`);
  if (message.incident !== "") facts.push(`incident ${message.incident}`);
  const color = message.color.toUpperCase().padEnd(6);
  return oneLine(`${message.at} ${color} ${message.title}: ${message.summary} [${facts.join("; ")}]`);
}

function deliveryOf(result: LineResult): DeliveryResult {
  if (result === "written") return { result: "sent" };
  // The reader of the pipe has gone and does not come back.
  if (result.code === "EPIPE") return { result: "refused", error: "console: standard output is closed" };
  return {
    result: "retry",
    error: `console: ${result.code === "ABORTED" ? "not written in time" : `error ${result.code}`}`,
  };
}
