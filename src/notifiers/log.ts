/**
 * Alerts as JSON lines in a file, for people with `tail -f` and for log shippers. Rotated by others: rename the file and
 * send SIGUSR1.
 */
import { z } from "../base/schema.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { alertFacts } from "./alert_facts.ts";
import { fileTarget, type LineResult, LineWriter } from "./line_writer.ts";

export interface LogConfig {
  readonly file: string;
}

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  yellow:
    notify: log
    config: {file: /var/log/cpra-alerts.log}
`;

export const LOG: Notifier<LogConfig> = {
  kind: "log",
  aliases: ["file"],
  summary: "one JSON line per alert, appended to a file",
  schema: z.strictObject({
    // deno-lint-ignore no-control-regex
    file: z.string().min(1).regex(/^[^\u0000]+$/, "expected a file path"),
  }),
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 1,
  timeoutMs: 10_000,
  describe: (config) => `log ${config.file}`,
  open(config) {
    const writer = new LineWriter(fileTarget(config.file));
    return {
      async send(message, signal) {
        return deliveryOf(await writer.append(JSON.stringify(alertFacts(message)), signal), config.file);
      },
      reopen: () => writer.release(),
      close: () => writer.release(),
    };
  },
};

/** Everything an operator can put right without touching the manifest is tried again. */
function deliveryOf(result: LineResult, file: string): DeliveryResult {
  if (result === "written") return { result: "sent" };
  const text = CAUSES[result.code] ?? `error ${result.code}`;
  const error = `log ${file}: ${text}`;
  return NEVER.has(result.code) ? { result: "refused", error } : { result: "retry", error };
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: "its directory does not exist",
  ENOTDIR: "a part of its path is no directory",
  EISDIR: "it is a directory",
  ENAMETOOLONG: "its name is too long",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EMFILE: "no file descriptor left",
  ENFILE: "no file descriptor left",
  ABORTED: "not written in time",
};

const NEVER: ReadonlySet<string> = new Set(["EISDIR", "ENAMETOOLONG"]);
