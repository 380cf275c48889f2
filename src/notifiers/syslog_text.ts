/**
 * An alert as a syslog message: RFC 5424 with its facts as structured data, or the older form that local daemons read on /dev/log.
 * Sources: RFC 5424 §6 (fields and their lengths, §6.3.3 escaping), RFC 3164 §4.1, RFC 6587 §3.4.1 (octet counting).
 */
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { alertLine } from "./alert_line.ts";
import { cutBytes } from "./alert_parts.ts";

/** RFC 5424 §6.2.1, table 1. */
export const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type Facility = keyof typeof FACILITIES;

/** Table 2: critical, warning, notice, informational. */
const SEVERITY_OF: Readonly<Record<Color, number>> = { red: 2, yellow: 4, green: 5, cyan: 6, gray: 6 };

/** 32473 is the enterprise number that IANA keeps for examples (RFC 5612); cpra has none of its own. */
const SD_ID = "cpra@32473";
const MESSAGE_ID = "ALERT";
const VALUE_BYTES_MAX = 300;
const BOM = "\ufeff";

export interface SyslogSender {
  readonly facility: Facility;
  readonly hostname: string;
  readonly appName: string;
  readonly processId: number;
}

/** At most `bytesMax` bytes; the text is cut, the header and the structured data stay whole unless they alone are too long. */
export function syslogMessage(message: AlertMessage, sender: SyslogSender, bytesMax: number): string {
  const { hostname, appName, processId } = sender;
  const head =
    `${priority(message, sender)}1 ${message.at} ${printable(hostname, 255)} ${printable(appName, 48)} ` +
    `${processId} ${MESSAGE_ID}`;
  const data = structuredData(message);
  const room = bytesMax - Buffer.byteLength(`${head} ${data} ${BOM}`);
  if (room < 100) {
    return `${head} - ${BOM}${
      cutBytes(alertLine(message), bytesMax - Buffer.byteLength(`${head} - ${BOM}`))
    }`;
  }
  return `${head} ${data} ${BOM}${cutBytes(alertLine(message), room)}`;
}

/** Without a host, and in local time, as syslog(3) writes it. */
export function localSyslogMessage(message: AlertMessage, sender: SyslogSender, bytesMax: number): string {
  const at = new Date(message.at);
  const month = MONTHS[at.getMonth()] as string;
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0"))
    .join(":");
  const tag = `${printable(sender.appName, 32)}[${sender.processId}]`;
  const head = `${priority(message, sender)}${month} ${String(at.getDate()).padStart(2)} ${time} ${tag}: `;
  return `${head}${cutBytes(alertLine(message), bytesMax - Buffer.byteLength(head))}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** One message of a stream: its length in bytes, a space, itself. */
export function octetCounted(text: string): string {
  return `${Buffer.byteLength(text)} ${text}`;
}

function priority(message: AlertMessage, { facility }: SyslogSender): string {
  return `<${FACILITIES[facility] * 8 + SEVERITY_OF[message.color]}>`;
}

function structuredData(message: AlertMessage): string {
  const { monitor, color, status, kind, target, error, incident, key } = message;
  const facts = { monitor, color, status, kind, target, error, incident, key };
  const filled = Object.entries(facts).filter(([, value]) => value !== "");
  return `[${SD_ID}${filled.map(([name, value]) => ` ${name}="${escaped(value)}"`).join("")}]`;
}

function escaped(value: string): string {
  // deno-lint-ignore no-control-regex
  return cutBytes(value, VALUE_BYTES_MAX).replace(/[\u0000-\u001f\u007f]/g, " ").replace(/["\\\]]/g, "\\$&");
}

/** PRINTUSASCII, "-" for nothing. */
function printable(text: string, charsMax: number): string {
  return text.replace(/[^!-~]+/g, "_").slice(0, charsMax) || "-";
}
