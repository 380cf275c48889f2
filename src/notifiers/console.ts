/** Alerts as one readable line each on standard output, for a terminal, a container's log or the journal. */
import { z } from "../base/schema.ts";
import type { AlertMessage } from "../model/message.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { alertLine } from "./alert_line.ts";
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
        return deliveryOf(await writer.append(colored(message), signal));
      },
      reopen: () => Promise.resolve(),
      close: () => writer.release(),
    };
  },
};

function colored(message: AlertMessage): string {
  return `${message.at} ${message.color.toUpperCase().padEnd(6)} ${alertLine(message)}`;
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
