/** E-mail against a real SMTP server, with certificates of an authority of our own. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { EMAIL } from "../../src/notifiers/email.ts";
import { makeCertificates } from "../net/certificates.ts";
import { alertMessage } from "../support/alert_message.ts";
import { SMTP_USER, startSmtpServer } from "../support/smtp_server.ts";

const NEVER = new AbortController().signal;
const PLACES = { from: "cpra <cpra@example.com>", to: ["ops@example.com", "Boss <boss@example.com>"] };

function open(config: unknown) {
  return EMAIL.open(JSON.parse(JSON.stringify(EMAIL.schema.parse(config))));
}

/** Header fields unfolded, lower-case names. */
function headersOf(raw: string): Readonly<Record<string, string>> {
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return Object.fromEntries(
    head.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** The decoded part of a media type. */
function partOf(raw: string, type: string): string {
  const start = raw.indexOf(`Content-Type: ${type}`);
  assert.ok(start >= 0, type);
  const head = raw.slice(start, raw.indexOf("\r\n\r\n", start));
  const bodyStart = start + head.length + 4;
  const body = raw.slice(bodyStart, raw.indexOf("\r\n--", bodyStart));
  if (/encoding: base64/i.test(head)) return Buffer.from(body, "base64").toString("utf8");
  if (!/encoding: quoted-printable/i.test(head)) return body;
  const bytes = body.replace(/=\r\n/g, "").replace(
    /=([0-9A-F]{2})/g,
    (_all, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

test("email logs in under verified TLS by either way, and sends text and HTML to all recipients", async () => {
  using certificates = makeCertificates();
  for (
    const [security, method] of [["starttls", "PLAIN"], ["starttls", "LOGIN"], ["tls", "PLAIN"]] as const
  ) {
    await using server = await startSmtpServer({
      keyPair: certificates.good,
      security,
      authMethods: [method],
    });
    const channel = open({
      smtp: server.address,
      security,
      ...SMTP_USER,
      ca: certificates.ca,
      ...PLACES,
      reply_to: "team@example.com",
    });
    const message = alertMessage({
      summary: "größe <b> & 漢字",
      error: `${"x".repeat(490)} end`,
      output: ".",
    });
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" }, `${security} ${method}`);
    const [mail] = server.mails;
    assert.ok(mail !== undefined);
    assert.deepEqual([mail.from, mail.to], ["cpra@example.com", ["ops@example.com", "boss@example.com"]]);
    assert.deepEqual([mail.secure, mail.user], [true, "cpra"]);
    const headers = headersOf(mail.raw);
    assert.equal(headers["subject"], "CRITICAL ALERT: shop");
    assert.equal(headers["from"], "cpra <cpra@example.com>");
    assert.equal(headers["reply-to"], "team@example.com");
    assert.equal(headers["auto-submitted"], "auto-generated");
    assert.equal(headers["x-cpra-key"], message.key);
    assert.equal(headers["date"], "Fri, 02 Jan 2026 03:05:35 +0000");
    assert.match(headers["content-type"] ?? "", /^multipart\/alternative/);
    const text = partOf(mail.raw, "text/plain");
    for (
      const fact of [
        "größe <b> & 漢字",
        "http://shop.example.com/health",
        "1m31s",
        "- restart it",
        "incident i1",
        "x end",
      ]
    ) {
      assert.ok(text.includes(fact), `${fact} in ${text}`);
    }
    const html = partOf(mail.raw, "text/html");
    assert.ok(html.includes("größe &#60;b&#62; &#38; 漢字") && html.includes("#d32f2f"));
  }
});

test("email makes one conversation per incident, and every attempt has the same Message-ID", async () => {
  using certificates = makeCertificates();
  await using server = await startSmtpServer({ keyPair: certificates.good, security: "none" });
  const channel = open({ smtp: server.address, security: "none", ...PLACES });
  const red = alertMessage();
  const green = alertMessage({ color: "green", key: "cpra:shop:i1:up:2" });
  for (
    const message of [red, red, green, alertMessage({ dedupKey: "cpra:shop:i2", key: "cpra:shop:i2:down:1" })]
  ) {
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  }
  const [first, again, second, other] = server.mails.map(({ raw }) => headersOf(raw));
  assert.match(first?.["message-id"] ?? "", /^<[0-9a-f]{40}@example\.com>$/);
  assert.equal(again?.["message-id"], first?.["message-id"]);
  assert.notEqual(second?.["message-id"], first?.["message-id"]);
  assert.equal(second?.["references"], first?.["references"]);
  assert.equal(second?.["in-reply-to"], first?.["in-reply-to"]);
  assert.notEqual(other?.["references"], first?.["references"]);
  assert.deepEqual([first?.["importance"], second?.["importance"]], ["High", undefined]);
});

test("email never goes out over TLS that cannot be verified, nor without TLS unless told", async () => {
  using certificates = makeCertificates();
  const refuse = async (keyPair: { key: string; cert: string }, security: "starttls" | "tls") => {
    await using server = await startSmtpServer({ keyPair, security });
    const config = { smtp: server.address, security, ...SMTP_USER, ca: certificates.ca, ...PLACES };
    const result = await open(config).send(alertMessage(), NEVER);
    assert.equal(server.mails.length, 0);
    return result;
  };
  const { selfSigned, expired, otherHost, notYetValid } = certificates;
  for (const keyPair of [selfSigned, expired, otherHost, notYetValid]) {
    for (const security of ["starttls", "tls"] as const) {
      const result = await refuse(keyPair, security);
      assert.equal(result.result, "retry");
      assert.match(result.result === "retry" ? result.error : "", /certificate is not trusted/);
    }
  }
  await using named = await startSmtpServer({ keyPair: otherHost });
  const config = {
    smtp: named.address,
    ...SMTP_USER,
    ca: certificates.ca,
    "tls_name": "other.example",
    ...PLACES,
  };
  assert.deepEqual(await open(config).send(alertMessage(), NEVER), { result: "sent" });
  await using plain = await startSmtpServer({ keyPair: certificates.good, security: "none" });
  const stripped = await open({ smtp: plain.address, ...PLACES }).send(alertMessage(), NEVER);
  assert.match(JSON.stringify(stripped), /"refused".*answered 50\d/);
  assert.equal(plain.mails.length, 0);
});

test("email: refusals are for good or for now by the reply's first digit, and none tells the password", async () => {
  using certificates = makeCertificates();
  await using server = await startSmtpServer({ keyPair: certificates.good });
  const config = { smtp: server.address, ...SMTP_USER, ca: certificates.ca, ...PLACES };
  const at = `email ${server.address}: `;
  const told: unknown[] = [];
  const send = async (other: Record<string, unknown> = {}) => {
    const result = await open({ ...config, ...other }).send(alertMessage(), NEVER);
    told.push(result);
    return result;
  };
  assert.deepEqual(await send({ password: "T0KEN-wrong" }), {
    result: "refused",
    error: `${at}login refused: answered 535: 5.7.8 no such user`,
  });
  for (
    const [code, result] of [[451, "retry"], [452, "retry"], [552, "refused"], [554, "refused"]] as const
  ) {
    server.rejectData = code;
    assert.deepEqual(await send(), { result, error: `${at}answered ${code}: not this mail` });
  }
  server.rejectData = undefined;
  for (const [code, result] of [[450, "retry"], [550, "refused"]] as const) {
    server.rejectRecipient.set("ops@example.com", code).set("boss@example.com", code);
    assert.deepEqual(await send(), { result, error: `${at}answered ${code}: not this one` });
  }
  assert.equal(server.mails.length, 0);
  assert.doesNotMatch(JSON.stringify(told), /T0KEN/);
});

test("email tells a recipient once when another has to be tried again", async () => {
  using certificates = makeCertificates();
  await using server = await startSmtpServer({ keyPair: certificates.good });
  const channel = open({ smtp: server.address, ...SMTP_USER, ca: certificates.ca, ...PLACES });
  server.rejectRecipient.set("boss@example.com", 450);
  assert.deepEqual(await channel.send(alertMessage(), NEVER), {
    result: "retry",
    error: `email ${server.address}: 1 of 2 recipients refused: answered 450`,
  });
  server.rejectRecipient.clear();
  assert.deepEqual(await channel.send(alertMessage(), NEVER), { result: "sent" });
  assert.deepEqual(server.mails.map(({ to }) => to), [["ops@example.com"], ["boss@example.com"]]);
  const [first, second] = server.mails.map(({ raw }) => headersOf(raw));
  assert.equal(first?.["message-id"], second?.["message-id"]);
  server.rejectRecipient.set("boss@example.com", 550);
  const lost = await channel.send(alertMessage({ key: "k2" }), NEVER);
  assert.deepEqual(lost, {
    result: "refused",
    error: `email ${server.address}: 1 of 2 recipients refused: answered 550`,
  });
});

/** A server of raw lines: what it says to each line, or nothing. */
async function startRude(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    // A socket that nobody reads never tells that the other end has gone.
    socket.resume();
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test("email frees its socket at the deadline, wherever the server falls silent", async () => {
  const silences: readonly ((socket: Socket) => void)[] = [
    () => {},
    (socket) => void socket.write("220 hello\r\n"),
    (socket) => {
      socket.write("220 hello\r\n");
      socket.on("data", (data) => String(data).startsWith("EHLO") && socket.write("250 fine\r\n"));
    },
    // A reply that never ends.
    (socket) => void socket.write("220-hello\r\n"),
  ];
  for (const silence of silences) {
    await using server = await startRude(silence);
    const closed = Promise.withResolvers<void>();
    const channel = open({ smtp: server.address, security: "none", ...PLACES });
    const result = channel.send(alertMessage(), AbortSignal.timeout(200));
    assert.deepEqual(await result, { result: "retry", error: `email ${server.address}: not taken in time` });
    for (const socket of server.sockets) socket.on("close", () => closed.resolve());
    if (server.sockets.size > 0) await closed.promise;
    assert.equal(server.sockets.size, 0);
  }
});

test("email takes a broken conversation and a missing server as passing", async () => {
  const breaks: readonly ((socket: Socket) => void)[] = [
    (socket) => void socket.destroy(),
    (socket) => void socket.end("220 hello\r\n"),
    (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    (socket) => void socket.end("421 too busy\r\n"),
  ];
  for (const [index, breaking] of breaks.entries()) {
    await using server = await startRude(breaking);
    const result = await open({ smtp: server.address, security: "none", ...PLACES }).send(
      alertMessage(),
      AbortSignal.timeout(3000),
    );
    assert.equal(result.result, "retry", `${index} ${JSON.stringify(result)}`);
  }
  const nobody = await open({ smtp: "127.0.0.1:1", security: "none", ...PLACES }).send(alertMessage(), NEVER);
  assert.deepEqual(nobody, { result: "retry", error: "email 127.0.0.1:1: connection refused" });
});

test("email refuses configurations that cannot work", () => {
  const good = { smtp: "mail.example.com", ...PLACES };
  const fault = (config: unknown) => {
    const issue = EMAIL.schema.safeParse(config).error?.issues[0];
    return issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
  };
  assert.equal(fault(good), "");
  assert.equal(EMAIL.describe(EMAIL.schema.parse(good)), "email mail.example.com:587");
  assert.equal(
    EMAIL.describe(EMAIL.schema.parse({ ...good, smtp: "[::1]", security: "tls" })),
    "email ::1:465",
  );
  assert.match(fault({ ...good, from: "nobody" }), /^from: expected an address/);
  assert.match(fault({ ...good, from: "a@b\r\nBcc: x@y" }), /^from: /);
  assert.match(fault({ ...good, to: [] }), /^to: /);
  assert.match(fault({ ...good, smtp: "smtp://x" }), /^smtp: expected "host"/);
  assert.match(fault({ ...good, user: "u" }), /^password: expected user and password/);
  assert.match(fault({ ...good, ...SMTP_USER, security: "none" }), /^security: a login needs/);
  assert.match(fault({ ...good, ca: "x" }), /^ca: expected certificates in PEM/);
  assert.match(fault({ ...good, subject_prefix: "a\nb" }), /^subject_prefix: /);
});
