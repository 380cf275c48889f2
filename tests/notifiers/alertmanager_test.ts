/** The channel alertmanager against a real one, whose own web hook then tells what it made of our alerts. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startSink } from "../../mock-servers/sink_faults.ts";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { ALERTMANAGER } from "../../src/notifiers/alertmanager.ts";
import { WEBHOOK } from "../../src/notifiers/webhook.ts";
import { alertMessage } from "../support/alert_message.ts";
import { ALERTMANAGER_MISSING, startAlertmanager } from "../support/alertmanager.ts";

const NEVER = new AbortController().signal;
const MISSING = process.env["CI"] === undefined ? ALERTMANAGER_MISSING : false;

function open(config: unknown) {
  return ALERTMANAGER.open(JSON.parse(JSON.stringify(ALERTMANAGER.schema.parse(config))));
}

interface Notice {
  readonly version: string;
  readonly status: string;
  readonly groupKey: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
}

/** A receiver of Alertmanager's notices that lets a test wait for the next one. */
async function startReceiver() {
  const notices: Notice[] = [];
  let arrived = Promise.withResolvers<void>();
  const sink = await startSink({}, (request) => {
    notices.push(JSON.parse(request.body) as Notice);
    arrived.resolve();
    arrived = Promise.withResolvers();
    return { status: 200, body: "" };
  });
  return {
    ...sink,
    notices,
    /** Until one fits; Alertmanager waits for a second between two notices of a group. */
    async until(fits: (notice: Notice) => boolean): Promise<Notice> {
      for (;;) {
        const found = notices.find(fits);
        if (found !== undefined) return found;
        await arrived.promise;
      }
    },
  };
}

function nowMessage(given: Partial<AlertMessage>): AlertMessage {
  const at = new Date().toISOString();
  return alertMessage({ at, since: new Date(Date.now() - 90_000).toISOString(), ...given });
}

test(
  "a real Alertmanager fires, raises and resolves what it is told, once each",
  { skip: MISSING },
  async () => {
    await using receiver = await startReceiver();
    await using alertmanager = await startAlertmanager(receiver.url);
    const channel = open({ url: alertmanager.url });
    const send = async (given: Partial<AlertMessage>) =>
      assert.deepEqual(await channel.send(nowMessage(given), NEVER), { result: "sent" });
    const is = (status: string, severity: string) => (notice: Notice) =>
      notice.alerts.some((alert) => alert.status === status && alert.labels["severity"] === severity);

    await send({ color: "yellow", severity: "warning", labels: { "team-name": "pay" } });
    const warning = await receiver.until(is("firing", "warning"));
    const alert = warning.alerts[0];
    assert.deepEqual(alert?.labels, {
      alertname: "CpraMonitor",
      groups: "web,eu",
      kind: "http",
      monitor: "shop",
      severity: "warning",
      "team_name": "pay",
    });
    assert.equal(alert?.annotations["summary"], "shop has failed 3 checks in a row");
    assert.equal(alert?.annotations["incident"], "i1");
    assert.match(alert?.annotations["description"] ?? "", /Next steps: read its log; restart it/);
    assert.equal(alert?.generatorURL, "http://shop.example.com/health");

    await send({ labels: { "team-name": "pay" } });
    await receiver.until(is("firing", "critical"));
    await receiver.until(is("resolved", "warning"));
    await send({ labels: { "team-name": "pay" } });
    await send({ color: "cyan", severity: "info" });
    const active = await alertmanager.get("/api/v2/alerts?active=true") as readonly { endsAt: string }[];
    assert.equal(active.length, 1, "sent twice, it is one");
    const lastsMs = Date.parse(active[0]?.endsAt ?? "") - Date.now();
    assert.ok(lastsMs > 6 * 86_400_000 && lastsMs < 8 * 86_400_000, `ends in ${lastsMs} ms`);

    await send({ color: "green", severity: "info", labels: { "team-name": "pay" } });
    await receiver.until(is("resolved", "critical"));
    assert.deepEqual(await alertmanager.get("/api/v2/alerts?active=true"), []);
    const told = receiver.notices.flatMap(({ alerts }) =>
      alerts.map(({ status, labels }) => `${status} ${labels["severity"]}`)
    );
    assert.deepEqual([...told].sort(), [
      "firing critical",
      "firing warning",
      "resolved critical",
      "resolved warning",
    ]);
  },
);

test("a real Alertmanager takes texts of any kind, and says what it refuses", { skip: MISSING }, async () => {
  await using receiver = await startReceiver();
  await using alertmanager = await startAlertmanager(receiver.url);
  const channel = open({ url: [`${alertmanager.url}/`], alertname: "größe" });
  const strange = '"{}\\ \u{1f600} half \ud800 <&>';
  const message = nowMessage({
    monitor: strange,
    summary: strange,
    labels: { "1 ö": strange, "": "x" },
    groups: [strange],
    since: "",
  });
  assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  const [alert] = await alertmanager.get("/api/v2/alerts") as readonly Notice["alerts"][number][];
  assert.equal(alert?.labels["monitor"], strange.toWellFormed());
  const twisted = await channel.send(nowMessage({ at: "2000-01-01T00:00:00Z", color: "green" }), NEVER);
  assert.equal(twisted.result, "refused", "an alert that ends before it starts");
  assert.match(
    twisted.result === "refused" ? twisted.error : "",
    /answered 400: .*start time must be before end time/,
  );
});

test("every member of a cluster is told, and only those that missed it are told again", async () => {
  await using one = await startSink({}, () => ({ status: 200, body: "" }));
  await using two = await startSink({}, () => ({ status: 200, body: "" }));
  const channel = open({ url: [one.url, two.url], token: "T0KEN" });
  two.setFault({ kind: "status", status: 503 }, 1);
  assert.deepEqual(await channel.send(alertMessage(), NEVER), {
    result: "retry",
    error: `alertmanager ${two.url}: answered 503`,
  });
  assert.deepEqual(await channel.send(alertMessage(), NEVER), { result: "sent" });
  assert.deepEqual([one.requests.length, two.requests.length], [1, 2]);
  assert.equal(one.requests[0]?.headers["authorization"], "Bearer T0KEN");
  assert.deepEqual(await channel.send(alertMessage({ color: "gray" }), NEVER), { result: "sent" });
  assert.equal(one.requests.length, 1, "gray is nothing that Alertmanager knows");
});

test("a web hook in Alertmanager's format has the fields of a real one", { skip: MISSING }, async () => {
  await using receiver = await startReceiver();
  await using alertmanager = await startAlertmanager(receiver.url);
  await open({ url: alertmanager.url }).send(nowMessage({}), NEVER);
  const real = await receiver.until(() => true);
  await using sink = await startWebhookSink({ secret: "s" });
  const config = WEBHOOK.schema.parse({ url: sink.url, format: "alertmanager", secret: "s" });
  assert.deepEqual(await WEBHOOK.open(config).send(nowMessage({}), NEVER), { result: "sent" });
  await WEBHOOK.open(config).send(nowMessage({ color: "green", key: "k2" }), NEVER);
  const [firing, resolved] = sink.accepted.map((body) => JSON.parse(body) as Notice);
  assert.deepEqual(Object.keys(firing ?? {}).sort(), Object.keys(real).sort());
  assert.deepEqual(Object.keys(firing?.alerts[0] ?? {}).sort(), Object.keys(real.alerts[0] ?? {}).sort());
  assert.equal(firing?.version, real.version);
  assert.deepEqual(firing?.alerts[0]?.labels, real.alerts[0]?.labels);
  assert.equal(firing?.alerts[0]?.endsAt, real.alerts[0]?.endsAt);
  assert.deepEqual([resolved?.status, resolved?.alerts[0]?.fingerprint], [
    "resolved",
    firing?.alerts[0]?.fingerprint,
  ]);
});
