/** Syslog against a real rsyslogd, and against collectors that behave badly. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { hostname } from "node:os";
import { SYSLOG } from "../../src/notifiers/syslog.ts";
import { localSyslogMessage, octetCounted, syslogMessage } from "../../src/notifiers/syslog_text.ts";
import { makeCertificates } from "../net/certificates.ts";
import { alertMessage } from "../support/alert_message.ts";
import { RSYSLOG_MISSING, startRsyslog } from "../support/rsyslog.ts";

const NEVER = new AbortController().signal;
const SENDER = { facility: "local3", hostname: "h", appName: "cpra", processId: 7 } as const;

function open(config: unknown) {
  return SYSLOG.open(JSON.parse(JSON.stringify(SYSLOG.schema.parse(config))));
}

test("a real rsyslogd understands every part of what comes over UDP and TCP", {
  skip: RSYSLOG_MISSING ?? false,
}, async () => {
  await using rsyslog = await startRsyslog();
  for (const [transport, address] of [["udp", rsyslog.udp], ["tcp", rsyslog.tcp]] as const) {
    const incident = `i-${transport}`;
    const message = alertMessage({ incident, error: 'größe "q" ] \\ end', color: "yellow" });
    const channel = open({ address, facility: "local3", app_name: "watch" });
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
    const record = await rsyslog.until(({ msg }) => msg.includes(incident));
    assert.equal(record["protocol-version"], "1");
    assert.equal(record.syslogfacility, "19");
    assert.equal(record.syslogseverity, "4");
    assert.equal(record.programname, "watch");
    assert.equal(record.hostname, hostname());
    assert.equal(record.procid, String(process.pid));
    assert.equal(record.msgid, "ALERT");
    assert.equal(record.timereported, message.at);
    assert.match(
      record.msg,
      /^\ufeff?CRITICAL ALERT: shop: shop has failed 3 checks in a row \[target http /,
    );
    assert.ok(record["structured-data"].includes('monitor="shop"'), record["structured-data"]);
    assert.ok(
      record["structured-data"].includes('error="größe \\"q\\" \\] \\\\ end"'),
      record["structured-data"],
    );
  }
});

test("a real rsyslogd takes alerts on a local socket, as syslog(3) would send them", {
  skip: RSYSLOG_MISSING ?? false,
}, async () => {
  await using rsyslog = await startRsyslog();
  const channel = open({ address: rsyslog.socket });
  for (const color of ["red", "green"] as const) {
    assert.deepEqual(await channel.send(alertMessage({ color, incident: `i-${color}` }), NEVER), {
      result: "sent",
    });
  }
  const red = await rsyslog.until(({ msg }) => msg.includes("i-red"));
  assert.deepEqual([red.programname, red.syslogfacility, red.syslogseverity], [
    "cpra",
    "3",
    "2",
  ]);
  const green = await rsyslog.until(({ msg }) => msg.includes("i-green"));
  assert.equal(green.syslogseverity, "5");
  assert.match(red.msg, /^ ?CRITICAL ALERT: shop: /);
});

test("a burst over TCP is neither lost nor doubled: what a real rsyslogd could not take is said so", {
  skip: RSYSLOG_MISSING ?? false,
}, async () => {
  await using rsyslog = await startRsyslog();
  const channel = open({ address: rsyslog.tcp });
  const tried = Array.from({ length: 10 }, () => "ü\n".repeat(100));
  let left = Array.from({ length: 100 }, (_, index) => {
    return alertMessage({ title: `number ${index} .`, summary: "x".repeat(700), tried });
  });
  // Its queue of connections is short, so that most of the first round is reset; the outbox would come again as we do.
  for (let round = 0; left.length > 0; round++) {
    assert.ok(round < 50, `${left.length} left`);
    const batch = round === 0 ? left : left.slice(0, 5);
    const results = await Promise.all(batch.map((message) => channel.send(message, NEVER)));
    left = [...batch.filter((_, index) => results[index]?.result !== "sent"), ...left.slice(batch.length)];
  }
  await rsyslog.until(() => rsyslog.records().length >= 100);
  const numbers = rsyslog.records().map(({ msg }) => Number(/number (\d+) \./.exec(msg)?.[1]));
  assert.deepEqual(
    numbers.sort((left, right) => left - right),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test("syslog over TLS sends one counted frame, only to a collector that can prove itself", async () => {
  using certificates = makeCertificates();
  const listen = async (keyPair: { key: string; cert: string }) => {
    const received: string[] = [];
    const server = createTlsServer(keyPair, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => received.push(String(chunk)));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = `tls://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      address,
      received,
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  };
  await using good = await listen(certificates.good);
  assert.deepEqual(await open({ address: good.address, ca: certificates.ca }).send(alertMessage(), NEVER), {
    result: "sent",
  });
  const frame = good.received.join("");
  const [count] = frame.split(" ", 1);
  assert.equal(Buffer.byteLength(frame), Number(count) + (count as string).length + 1);
  assert.match(frame, /^\d+ <26>1 2026-01-02T03:05:35.500Z /);
  for (const keyPair of [certificates.selfSigned, certificates.expired, certificates.otherHost]) {
    await using bad = await listen(keyPair);
    const result = await open({ address: bad.address, ca: certificates.ca }).send(alertMessage(), NEVER);
    assert.equal(result.result, "retry");
    assert.match(result.result === "retry" ? result.error : "", /certificate/);
    assert.deepEqual(bad.received, []);
  }
});

async function startCollector(onSocket: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  return {
    address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test("syslog tries again when the collector resets, is away, or has no socket", async () => {
  await using resetting = await startCollector((socket) =>
    void socket.once("data", () => socket.resetAndDestroy())
  );
  assert.deepEqual(await open({ address: resetting.address }).send(alertMessage(), NEVER), {
    result: "retry",
    error: `syslog ${resetting.address}: connection broken before the message was taken`,
  });
  assert.deepEqual(await open({ address: "tcp://127.0.0.1:1" }).send(alertMessage(), NEVER), {
    result: "retry",
    error: "syslog tcp://127.0.0.1:1: connection refused",
  });
  assert.deepEqual(await open({ address: "/nonexistent/log" }).send(alertMessage(), NEVER), {
    result: "retry",
    error: "syslog /nonexistent/log: no such socket",
  });
  assert.deepEqual(await open({ address: "udp://127.0.0.1:9" }).send(alertMessage(), AbortSignal.abort()), {
    result: "retry",
    error: "syslog udp://127.0.0.1:9: not taken in time",
  });
  await using silent = await startCollector((socket) => void socket.resume());
  assert.deepEqual(await open({ address: silent.address }).send(alertMessage(), AbortSignal.timeout(200)), {
    result: "retry",
    error: `syslog ${silent.address}: not taken in time`,
  });
  assert.deepEqual(await open({ address: silent.address }).send(alertMessage(), NEVER), { result: "sent" });
});

test("syslogMessage() keeps to its bytes, and to RFC 5424 whatever is in an alert", () => {
  const pattern =
    /^<(\d{1,3})>1 \S+ [!-~]+ [!-~]{1,48} \d+ ALERT (-|\[cpra@32473( \w+="([^"\\\]]|\\["\\\]])*")+\]) \ufeff[^\n]*$/u;
  for (const text of ["", "a\nb", '"]\\', "\u{1f600}".repeat(400), "half \ud800", "x".repeat(3000)]) {
    const message = alertMessage({
      title: text,
      error: text,
      monitor: text,
      target: text,
      incident: text,
      key: text,
    });
    for (const bytesMax of [480, 2048, 8192]) {
      const line = syslogMessage(message, SENDER, bytesMax);
      assert.ok(Buffer.byteLength(line) <= bytesMax && line.isWellFormed());
      assert.match(line, pattern);
    }
    assert.ok(Buffer.byteLength(localSyslogMessage(message, SENDER, 480)) <= 480);
  }
  assert.equal(syslogMessage(alertMessage({ color: "gray" }), SENDER, 2048).slice(0, 5), "<158>");
  assert.equal(octetCounted("ü"), "2 ü");
});

test("syslog refuses addresses it cannot send to", () => {
  const fault = (address: string) => SYSLOG.schema.safeParse({ address }).success;
  assert.deepEqual(["udp://h", "tcp://[::1]:1", "tls://h:6514", "/dev/log"].map(fault), [
    true,
    true,
    true,
    true,
  ]);
  assert.deepEqual(["h:514", "http://h", "udp://h/x", "tcp://", "dev/log"].map(fault), [
    false,
    false,
    false,
    false,
    false,
  ]);
});
