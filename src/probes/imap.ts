/**
 * Checks an IMAP server: greeting, CAPABILITY, on request STARTTLS with a verified certificate, and a login (RFC 9051).
 * `tls` is TLS from the first byte (port 993). A password goes over TLS only.
 */
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const RESPONSE_LINES_MAX = 100;

export const IMAP = streamProbe({
  kind: "imap",
  summary: "IMAP server: greeting, CAPABILITY, STARTTLS with its certificate, login",
  port: 143,
  fields: {
    starttls: z.boolean().default(false),
    username: z.string().default(""),
    password: z.string().default(""),
  },
  example: `name: mailboxes
pulse_check:
  type: imap
  interval: 1m
  timeout: 10s
  config:
    host: imap.example.com
    starttls: true
`,
  advice: ({ tls, starttls, username }) =>
    username !== "" && !tls && !starttls
      ? "a login needs tls or starttls: passwords are not sent in the clear"
      : undefined,
  async converse(wire, { config, tls }) {
    const greeting = await wire.line();
    if (/^\* BYE\b/i.test(greeting)) throw stop("not_serving", greeting);
    if (!/^\* (?:OK|PREAUTH)\b/i.test(greeting)) throw stop("protocol", greeting);
    let capabilities = await ask(wire, "a CAPABILITY");
    if (config.starttls && !wire.isSecure) {
      if (!/^\* CAPABILITY\b.* STARTTLS(?: |$)/im.test(capabilities)) throw stop("tls_not_offered");
      await ask(wire, "b STARTTLS");
      await wire.startTls(tls);
      capabilities = await ask(wire, "c CAPABILITY");
    }
    if (!/^\* CAPABILITY\b.* IMAP4rev[12](?: |$)/im.test(capabilities)) throw stop("protocol", capabilities);
    if (config.username !== "") {
      if (!wire.isSecure) throw stop("tls_not_offered", "no login without TLS");
      await ask(wire, `d LOGIN ${quoted(config.username)} ${quoted(config.password)}`, "login_refused");
    }
    await ask(wire, "e LOGOUT");
  },
});

/** The untagged lines before the command's good end; its tag is its first word. */
async function ask(
  wire: Wire,
  command: string,
  refusal: "not_serving" | "login_refused" = "not_serving",
): Promise<string> {
  const tag = command.split(" ", 1)[0] as string;
  wire.write(`${command}\r\n`);
  const lines: string[] = [];
  while (lines.length < RESPONSE_LINES_MAX) {
    const line = await wire.line();
    if (line.startsWith(`${tag} OK`)) return lines.join("\n");
    if (line.startsWith(`${tag} `)) throw stop(refusal, line.slice(tag.length + 1));
    if (!line.startsWith("* ")) throw stop("protocol", line);
    lines.push(line);
  }
  throw stop("protocol", "a response without an end");
}

/** RFC 9051 §9, quoted string; what cannot stand in one is not sent. */
function quoted(text: string): string {
  return `"${text.replace(/[\r\n\0]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
