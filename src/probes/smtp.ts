/**
 * Checks a mail server: greeting, EHLO, on request STARTTLS with a verified certificate, and a login (RFC 5321, 3207, 4954).
 * `tls` is TLS from the first byte (port 465). A password goes over TLS only, and no mail is sent.
 */
import { Buffer } from "node:buffer";
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const REPLY_LINES_MAX = 100;

export const SMTP = streamProbe({
  kind: "smtp",
  summary: "mail server: greeting, EHLO, STARTTLS with its certificate, login",
  port: 25,
  fields: {
    starttls: z.boolean().default(false),
    ehlo: z.string().regex(/^[\x21-\x7e]+$/, "expected a host name").default("localhost"),
    username: z.string().default(""),
    password: z.string().default(""),
  },
  example: `name: mail
pulse_check:
  type: smtp
  interval: 1m
  timeout: 10s
  config:
    host: mail.example.com
    port: 587
    starttls: true
`,
  advice: ({ tls, starttls, username }) =>
    username !== "" && !tls && !starttls
      ? "a login needs tls or starttls: passwords are not sent in the clear"
      : undefined,
  async converse(wire, { config, tls }) {
    await expectReply(wire, 220);
    const hello = `EHLO ${config.ehlo}\r\n`;
    wire.write(hello);
    let features = await expectReply(wire, 250);
    if (config.starttls && !wire.isSecure) {
      if (!features.some((line) => /^STARTTLS$/i.test(line))) throw stop("tls_not_offered");
      wire.write("STARTTLS\r\n");
      await expectReply(wire, 220);
      await wire.startTls(tls);
      wire.write(hello);
      features = await expectReply(wire, 250);
    }
    if (config.username !== "") {
      if (!wire.isSecure) throw stop("tls_not_offered", "no login without TLS");
      wire.write(
        `AUTH PLAIN ${Buffer.from(`\0${config.username}\0${config.password}`).toString("base64")}\r\n`,
      );
      const { code, lines } = await readReply(wire);
      if (code !== 235) throw stop("login_refused", `${code} ${lines[0]}`);
    }
    wire.write("QUIT\r\n");
    await expectReply(wire, 221);
  },
});

async function expectReply(wire: Wire, wanted: number): Promise<readonly string[]> {
  const { code, lines } = await readReply(wire);
  if (code !== wanted) throw stop("status", lines[0], code);
  return lines;
}

/** One reply of one or more lines (RFC 5321 §4.2.1), without their codes. */
async function readReply(wire: Wire): Promise<{ code: number; lines: readonly string[] }> {
  const lines: string[] = [];
  while (lines.length < REPLY_LINES_MAX) {
    const line = await wire.line();
    const parts = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line);
    if (parts === null) throw stop("protocol", line);
    lines.push(parts[3] ?? "");
    if (parts[2] !== "-") return { code: Number(parts[1]), lines };
  }
  throw stop("protocol", "a reply without an end");
}
