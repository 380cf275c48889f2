/**
 * Alerts as JSON lines in a file, for people with `tail -f` and for log shippers. Rotated by its size when `max_size` is given, else
 * by others: rename the file and send SIGUSR1.
 */
import { z } from "../base/schema.ts";
import { sizeField } from "../base/size.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { alertFacts } from "./alert_facts.ts";
import { fileTarget, type LineResult, LineWriter } from "./line_writer.ts";
import { rotatedFileTarget } from "./rotation.ts";

const CONFIG = z.strictObject({
  // deno-lint-ignore no-control-regex
  file: z.string().min(1).regex(/^[^\u0000]+$/, "expected a file path"),
  /** Bytes from which on it is rotated; without it never. */
  max_size: sizeField(4096).optional(),
  /** Rotated files that are kept. */
  keep: z.number().int().min(1).max(1000).default(5),
  /** Rotated files but the newest are compressed. */
  gzip: z.boolean().default(false),
});

export type LogConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  yellow:
    notify: log
    config: {file: /var/log/cpra-alerts.log, max_size: 10MiB, keep: 5, gzip: true}
`;

export const LOG: Notifier<LogConfig> = {
  kind: "log",
  aliases: ["file"],
  summary: "one JSON line per alert, appended to a file",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 1,
  timeoutMs: 10_000,
  describe: (config) => `log ${config.file}`,
  open(config) {
    const { file, max_size: sizeMax, keep, gzip } = config;
    const target = sizeMax === undefined
      ? fileTarget(file)
      : rotatedFileTarget(file, { sizeMax, keep, gzip });
    const writer = new LineWriter(target);
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
