/**
 * Alerts as e-mails over SMTP, each on a connection of its own. TLS is verified always: STARTTLS must succeed unless `security: none`
 * says that there is none, and then nobody logs in. When some recipients were taken and others must be tried again, only those get the
 * mail once more, under the same Message-ID.
 * Sources: RFC 5321 (SMTP, §4.2.1 reply codes), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 4954 (AUTH). The protocol is the
 * library nodemailer's; the socket is ours, so that the deadline frees it.
 */
import { isIP, type Socket } from "node:net";
import { createTransport } from "nodemailer";
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import { reasonText } from "../model/outcome.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult, Notifier } from "../model/plugin.ts";
import { connect } from "../net/connect.ts";
import { emailParts } from "./email_message.ts";
import { hideSecrets } from "./http_notifier.ts";
import { PartlySent } from "./partly_sent.ts";

const ADDRESS = String.raw`[^\s<>@,;:"()[\]\\]+@[^\s<>@,;:"()[\]\\]+`;
const MAILBOX = z.string().max(320).regex(
  new RegExp(`^(${ADDRESS}|[^\\r\\n<>"]*<${ADDRESS}>)$`),
  'expected an address such as "ops@example.com" or "Ops <ops@example.com>"',
);
const MAILBOXES = z.union([MAILBOX, z.array(MAILBOX).min(1).max(50)]);

const PORT_OF = { starttls: 587, tls: 465, none: 25 } as const;

const CONFIG = z.strictObject({
  /** Host, or host:port; default port by security. */
  smtp: z.string().regex(/^([^\s:/@]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/, 'expected "host" or "host:port"'),
  security: z.enum(["starttls", "tls", "none"]).default("starttls"),
  user: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  /** The name in the server's certificate; default: the host. */
  tls_name: z.string().min(1).optional(),
  /** PEM of the only authorities to trust; default: the system's. */
  ca: z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" })
    .optional(),
  from: MAILBOX,
  to: MAILBOXES,
  reply_to: MAILBOX.optional(),
  /** Before every subject. */
  subject_prefix: z.string().max(60).regex(/^[^\r\n]*$/, "expected one line").default(""),
}).superRefine((config, context) => {
  const say = (message: string, path: string) => context.addIssue({ code: "custom", message, path: [path] });
  if ((config.user === undefined) !== (config.password === undefined)) {
    say("expected user and password, or neither", config.user === undefined ? "user" : "password");
  }
  if (config.user !== undefined && config.security === "none") {
    say("a login needs security starttls or tls", "security");
  }
});

type EmailConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: email
    config:
      smtp: mail.example.com:587
      user: cpra
      password: XXXX
      from: cpra <cpra@example.com>
      to: [ops@example.com]
`;

const TIMEOUT_MS = 30_000;

export const EMAIL: Notifier<EmailConfig> = {
  kind: "email",
  aliases: ["mail"],
  summary: "an e-mail over SMTP with verified TLS; one conversation per incident",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 500,
  timeoutMs: TIMEOUT_MS,
  describe: (config) => `email ${serverOf(config).host}:${serverOf(config).port}`,
  open: openEmail,
};

function serverOf(config: EmailConfig): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(config.smtp) as RegExpExecArray;
  const host = (parts[1] ?? parts[2]) as string;
  return { host, port: parts[3] === undefined ? PORT_OF[config.security] : Number(parts[3]) };
}

function openEmail(config: EmailConfig): Channel {
  const channel = EMAIL.describe(config);
  const recipients = typeof config.to === "string" ? [config.to] : config.to;
  const partly = new PartlySent();
  return {
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
    async send(message, signal) {
      const left = partly.left(message.key, recipients);
      const end = await sendMail({ config, message, recipients, left }, signal);
      if (end.result.result === "retry") partly.keep(message.key, end.reached);
      else partly.forget(message.key);
      if (end.result.result === "sent") return end.result;
      return { ...end.result, error: `${channel}: ${end.result.error}` };
    },
  };
}

interface Mail {
  readonly config: EmailConfig;
  readonly message: AlertMessage;
  /** Shown in the mail. */
  readonly recipients: readonly string[];
  /** Told now. */
  readonly left: readonly string[];
}

interface MailEnd {
  readonly result: DeliveryResult;
  readonly reached: readonly string[];
}

async function sendMail(mail: Mail, signal: AbortSignal): Promise<MailEnd> {
  const { config } = mail;
  const startedMs = performance.now();
  const connected = await connect({ ...serverOf(config), startedMs, timeoutMs: TIMEOUT_MS }, signal);
  if (connected.kind === "failed") {
    const { reason, value } = connected.failure;
    return unsent({ result: "retry", error: signal.aborted ? NOT_IN_TIME : reasonText(reason, value) });
  }
  const { socket } = connected;
  const onAbort = () => socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const info = await transportOver(socket, config).sendMail(mailOf(mail, signal));
    return judgeRecipients(mail.left, info.rejectedErrors ?? []);
  } catch (error) {
    return unsent(signal.aborted ? { result: "retry", error: NOT_IN_TIME } : judgeError(error, config));
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

const NOT_IN_TIME = "not taken in time";

function unsent(result: DeliveryResult): MailEnd {
  return { result, reached: [] };
}

function transportOver(socket: Socket, config: EmailConfig) {
  const { host, port } = serverOf(config);
  const { security, user, password } = config;
  return createTransport({
    host,
    port,
    connection: socket,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    tls: {
      // Stated, so that no environment variable can turn verification off.
      rejectUnauthorized: true,
      // An address is no name for SNI; the certificate is checked against it all the same.
      servername: config.tls_name ?? (isIP(host) === 0 ? host : ""),
      ...(config.ca === undefined ? {} : { ca: config.ca }),
    },
    ...(user === undefined || password === undefined
      ? {}
      : { auth: { user, pass: password }, forceAuth: true }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function mailOf({ config, message, recipients, left }: Mail, signal: AbortSignal) {
  const parts = emailParts(message, bareAddress(config.from).split("@")[1] as string);
  return {
    from: config.from,
    to: [...recipients],
    ...(config.reply_to === undefined ? {} : { replyTo: config.reply_to }),
    envelope: { from: bareAddress(config.from), to: left.map(bareAddress) },
    subject: `${config.subject_prefix}${parts.subject}`,
    text: parts.text,
    html: parts.html,
    messageId: parts.messageId,
    inReplyTo: parts.thread,
    references: parts.thread,
    date: parts.date,
    ...(parts.urgent ? { priority: "high" as const } : {}),
    headers: {
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
      "X-Cpra-Key": message.key,
    },
    signal,
  };
}

function bareAddress(mailbox: string): string {
  return /<([^>]+)>$/.exec(mailbox)?.[1] ?? mailbox;
}

interface Rejection {
  readonly recipient?: string | undefined;
  readonly responseCode?: number | undefined;
}

/** The server has taken the mail for some. */
function judgeRecipients(left: readonly string[], rejections: readonly Rejection[]): MailEnd {
  if (rejections.length === 0) return { result: { result: "sent" }, reached: left };
  const rejected = new Set(rejections.map(({ recipient }) => recipient));
  const reached = left.filter((recipient) => !rejected.has(bareAddress(recipient)));
  const codes = [...new Set(rejections.map(({ responseCode }) => responseCode))].join(", ");
  const error = `${rejections.length} of ${left.length} recipients refused: answered ${codes}`;
  const passing = rejections.some(({ responseCode }) => responseCode === undefined || responseCode < 500);
  return { result: { result: passing ? "retry" : "refused", error }, reached };
}

/** 5yz is for good, everything else may pass. */
function judgeError(error: unknown, config: EmailConfig): DeliveryResult {
  const { code, responseCode, response } = error as {
    code?: string;
    responseCode?: number;
    response?: string;
  };
  const secrets = [config.password ?? "", Buffer.from(config.password ?? "").toString("base64")];
  if (typeof responseCode === "number" && responseCode > 0) {
    const said = hideSecrets((response ?? "").replace(/^\d{3}[ -]/, ""), secrets);
    const text = `${code === "EAUTH" ? "login refused: " : ""}answered ${responseCode}${
      said === "" ? "" : `: ${said}`
    }`;
    return { result: responseCode >= 500 ? "refused" : "retry", error: text };
  }
  return {
    result: "retry",
    error: TEXT_OF_CODE[code ?? ""] ?? oneLine(`cannot send (${code ?? "unknown fault"})`),
  };
}

const TEXT_OF_CODE: Readonly<Record<string, string>> = {
  ETLS: "TLS could not be started, or the certificate is not trusted",
  ESOCKET: "connection broken, or the certificate is not trusted",
  ECONNECTION: "connection closed before the mail was taken",
  ETIMEDOUT: NOT_IN_TIME,
  EPROTOCOL: "malformed answer",
  EAUTH: "the server offers no login that is known",
  EMESSAGE: "malformed answer",
};
