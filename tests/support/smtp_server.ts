/** A real SMTP server (npm smtp-server) that keeps what it is given, and misbehaves where a test says so. */
import type { AddressInfo } from "node:net";
import { format } from "node:util";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { KeyPair } from "../net/certificates.ts";

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, headers and body. */
  readonly raw: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

export interface TestSmtpServer extends AsyncDisposable {
  readonly address: string;
  readonly mails: readonly ReceivedMail[];
  /** Connections at this moment. */
  connections(): number;
  /** A reply code instead of taking it, by recipient. */
  readonly rejectRecipient: Map<string, number>;
  /** Reply code to the mail's end; undefined takes it. */
  rejectData: number | undefined;
}

export const SMTP_USER = { user: "cpra", password: "T0KEN-sesame" } as const;

export interface SmtpServerChoice {
  readonly keyPair: KeyPair;
  /** Default "starttls". */
  readonly security?: "starttls" | "tls" | "none";
  readonly authMethods?: readonly string[];
  readonly log?: (line: string) => void;
}

export async function startSmtpServer(choice: SmtpServerChoice): Promise<TestSmtpServer> {
  const mails: ReceivedMail[] = [];
  const rejectRecipient = new Map<string, number>();
  const state = { rejectData: undefined as number | undefined };
  const security = choice.security ?? "starttls";
  const server = new SMTPServer({
    secure: security === "tls",
    ...(security === "none" ? { disabledCommands: ["STARTTLS", "AUTH"] } : {}),
    key: choice.keyPair.key,
    cert: choice.keyPair.cert,
    ...(choice.authMethods === undefined ? {} : { authMethods: [...choice.authMethods] }),
    authOptional: security === "none",
    disableReverseLookup: true,
    logger: choice.log === undefined ? false : lineLogger(choice.log),
    onAuth(auth, _session, callback) {
      const good = auth.username === SMTP_USER.user && auth.password === SMTP_USER.password;
      callback(good ? null : withCode(535, "5.7.8 no such user"), { user: auth.username ?? "" });
    },
    onRcptTo(recipient, _session, callback) {
      const code = rejectRecipient.get(recipient.address);
      callback(code === undefined ? null : withCode(code, "not this one"));
    },
    onData(stream, session, callback) {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
      stream.on("end", () => {
        if (state.rejectData !== undefined) return callback(withCode(state.rejectData, "not this mail"));
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString("utf8"),
          secure: session.secure,
          user: session.user,
        });
        callback(null, "kept");
      });
    },
  } as SMTPServerOptions);
  // A client that goes away in the middle is what tests do.
  server.on("error", () => {});
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    mails,
    connections: () => server.connections.size,
    rejectRecipient,
    get rejectData() {
      return state.rejectData;
    },
    set rejectData(code) {
      state.rejectData = code;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

function withCode(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

/** The conversation, one line each. */
function lineLogger(log: (line: string) => void) {
  const write = (_fields: unknown, ...words: readonly unknown[]) => log(format(...words));
  return {
    level: () => {},
    trace: write,
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
  };
}
