/**
 * The kubernetes check and remedy against an API server that checks requests as the real one does. That it does is shown with
 * the real kubectl, which must get along with it and whose requests must be those of the remedy.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  type KubernetesApi,
  type KubernetesApiOptions,
  startKubernetesApi,
} from "../../mock-servers/kubernetes_api.ts";
import { KUBERNETES as PROBE } from "../../src/probes/kubernetes.ts";
import { KUBERNETES } from "../../src/remedies/kubernetes.ts";
import { type Certificates, makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { check, refusal, verdict } from "../probes/check.ts";

const TOKEN = "s3cret-T0KEN";
let certificates: Certificates;
let folder = "";
let caFile = "";

before(() => {
  certificates = makeCertificates();
  folder = mkdtempSync(join(tmpdir(), "cpra-kubernetes-"));
  caFile = join(folder, "ca.crt");
  writeFileSync(caFile, certificates.ca);
});
after(() => {
  certificates[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

async function startApi(more: Partial<KubernetesApiOptions> = {}): Promise<KubernetesApi> {
  const api = await startKubernetesApi({
    tls: { ...certificates.good, ca: certificates.ca },
    tokens: [TOKEN],
    ...more,
  });
  api.state.add("deployments", "web", { namespace: "shop", spec: { replicas: 3 } });
  api.state.add("statefulsets", "db", { namespace: "shop", spec: { replicas: 2 } });
  api.state.add("daemonsets", "log", { namespace: "shop", spec: { replicas: 2 } });
  api.state.add("pods", "db-0", { namespace: "shop", spec: { controlled: true } });
  api.state.add("nodes", "n1");
  return api;
}

function access(api: KubernetesApi, more: object = {}) {
  return { server: api.url, ["ca_file"]: caFile, token: TOKEN, namespace: "shop", ...more };
}

function repair(config: Record<string, unknown>, timeoutMs = 10_000) {
  const { target, shared } = KUBERNETES.split(KUBERNETES.schema.parse(config));
  const request = { monitor: "m", incident: "i1", attempt: 1, error: "refused", timeoutMs };
  const signal = AbortSignal.timeout(timeoutMs);
  return KUBERNETES.run({ ...request, target, config: JSON.parse(JSON.stringify(shared)) }, signal);
}

const WEB = { kind: "deployment", name: "web" };

test("workloads, pods and nodes pass when what their spec wants is ready", async () => {
  await using api = await startApi();
  const sockets = openSockets();
  const seen = async (config: object) => {
    const result = await check(PROBE, { ...access(api), ...config });
    assert.ok(!JSON.stringify(result).includes(TOKEN));
    return `${verdict(result)} ${result.text}`;
  };
  assert.equal(await seen(WEB), "pass none 0 3 of 3 ready");
  assert.equal(await seen({ kind: "statefulset", name: "db" }), "pass none 0 2 of 2 ready");
  assert.equal(await seen({ kind: "daemonset", name: "log" }), "pass none 0 2 of 2 ready");
  assert.equal(await seen({ kind: "pod", name: "db-0" }), "pass none 0 1 of 1 ready");
  assert.equal(await seen({ kind: "node", name: "n1", namespace: undefined }), "pass none 0 1 of 1 ready");
  const perfdata = (await check(PROBE, { ...access(api), ...WEB })).perfdata;
  assert.deepEqual(perfdata?.map(({ label, value }) => `${label}=${value}`), ["ready=3", "wanted=3"]);

  api.state.setStatus("deployments", "web", {
    observedGeneration: 1,
    availableReplicas: 2,
    updatedReplicas: 3,
  });
  assert.equal(await seen(WEB), "fail state 0 2 of 3 ready");
  assert.equal(await seen({ ...WEB, ["min_ready"]: "60%" }), "pass none 0 2 of 3 ready");
  assert.equal(await seen({ ...WEB, ["min_ready"]: 2 }), "pass none 0 2 of 3 ready");
  const stuck = {
    type: "Progressing",
    status: "False",
    reason: "ProgressDeadlineExceeded",
    message: "it takes too long",
  };
  api.state.setStatus("deployments", "web", { availableReplicas: 2, conditions: [stuck] });
  assert.equal(await seen({ ...WEB, ["min_ready"]: 0 }), "fail state 0 2 of 3 ready: it takes too long");
  api.state.setStatus("pods", "db-0", {
    phase: "Pending",
    conditions: [{ type: "Ready", status: "False", reason: "ContainersNotReady" }],
    containerStatuses: [{ state: { waiting: { reason: "CrashLoopBackOff" } } }],
  });
  assert.equal(await seen({ kind: "pod", name: "db-0" }), "fail state 0 0 of 1 ready: CrashLoopBackOff");
  assert.equal(
    await seen({ ...WEB, name: "nobody" }),
    'fail missing 0 deployments.apps "nobody" not found',
  );
  assert.ok(await eventually(() => openSockets() <= sockets), "every connection is freed");
});

test("a restart changes the template and waits for the rollout; a scale asks for replicas; a pod goes by its identity", async () => {
  await using api = await startApi();
  const restarted = await repair({ ...access(api), ...WEB, action: "restart" });
  assert.deepEqual(restarted, {
    ok: true,
    retryable: false,
    text: "restarted deployment web (3 of 3 ready)",
  });
  const patch = api.requests.find(({ method }) => method === "PATCH");
  assert.equal(patch?.path, "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=cpra");
  assert.equal(patch?.contentType, "application/strategic-merge-patch+json");
  const annotations = JSON.parse(patch?.body ?? "").spec.template.metadata.annotations;
  assert.match(annotations["kubectl.kubernetes.io/restartedAt"], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

  const scaled = await repair({ ...access(api), ...WEB, action: "scale", replicas: 5 });
  assert.equal(scaled.text, "scaled deployment web to 5 (5 of 5 ready)");
  assert.equal(api.requests.findLast(({ method }) => method === "PATCH")?.body, '{"spec":{"replicas":5}}');
  const daemons = await repair({ ...access(api), kind: "daemonset", name: "log", action: "restart" });
  assert.equal(daemons.text, "restarted daemonset log (2 of 2 ready)");
  const deleted = await repair({ ...access(api), kind: "pod", name: "db-0", action: "delete" });
  assert.equal(deleted.ok, true, deleted.text);
  assert.match(deleted.text, /^deleted pod db-0/);

  api.state.paused = true;
  const late = await repair({ ...access(api), ...WEB, action: "restart" }, 400);
  assert.equal(late.ok, false);
  assert.equal(late.retryable, false, "a second restart would only begin it anew");
  assert.match(late.text, /^restarted deployment web, but it had not come about when the time was up/);
});

test("what the server refuses is told in its words, and tried again only when that can help", async () => {
  await using api = await startApi({ verbs: ["get"] });
  const forbidden = await repair({ ...access(api), ...WEB, action: "restart" });
  assert.equal(forbidden.retryable, false);
  assert.match(forbidden.text, /forbidden: User "cpra" cannot patch resource "deployments"/);
  const stranger = await check(PROBE, { ...access(api), ...WEB, token: "other" });
  assert.equal(verdict(stranger), "fail status 401");
  assert.equal(stranger.text, "Unauthorized");
  for (
    const [status, retryable] of [[500, true], [503, true], [429, true], [409, true], [422, false]] as const
  ) {
    api.failNext(status);
    const result = await repair({ ...access(api), ...WEB, action: "restart" });
    assert.equal(result.retryable, retryable, String(status));
  }
  api.failNext("hang");
  const hung = await check(PROBE, { ...access(api), ...WEB }, { timeoutMs: 200 });
  assert.equal(verdict(hung), "fail response_timeout 200");
  assert.ok(hung.tookMs < 500);
  const untrusted = await check(PROBE, { ...access(api), ...WEB, ["ca_file"]: undefined });
  assert.equal(untrusted.outcome, "fail");
  assert.match(untrusted.reason, /^tls_/);
  const nofile = await check(PROBE, { ...access(api), ...WEB, ["ca_file"]: "/nonexistent/ca" });
  assert.equal(verdict(nofile), "local local_fault 0");
  assert.match(nofile.text ?? "", /nonexistent/);
  const nobody = await check(PROBE, { ...WEB, server: "https://127.0.0.1:1" });
  assert.equal(verdict(nobody), "fail refused 0");
});

function writeKubeconfig(api: KubernetesApi, user: object, name = "config"): string {
  const path = join(folder, name);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "shop" } }],
    clusters: [{
      name: "c",
      cluster: {
        server: api.url,
        "certificate-authority-data": Buffer.from(certificates.ca).toString("base64"),
      },
    }],
    users: [{ name: "u", user }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

test("a kubeconfig gives server, authority, namespace and credentials: a token or a client certificate", async () => {
  await using api = await startApi();
  const seen = async (user: object, more: object = {}) =>
    await check(PROBE, { ...WEB, kubeconfig: writeKubeconfig(api, user), ...more });
  assert.equal((await seen({ token: TOKEN })).outcome, "pass");
  writeFileSync(join(folder, "token"), `${TOKEN}\n`);
  assert.equal((await seen({ tokenFile: "token" })).outcome, "pass");
  const { cert, key } = certificates.good;
  const data = (text: string) => Buffer.from(text).toString("base64");
  const byCertificate = { "client-certificate-data": data(cert), "client-key-data": data(key) };
  const passed = await seen(byCertificate);
  assert.equal(passed.outcome, "pass", JSON.stringify(passed));
  assert.match((await seen({ exec: { command: "aws" } })).text ?? "", /program for credentials is not run/);
  assert.match((await seen({ token: TOKEN }, { context: "there" })).text ?? "", /no context "there"/);
  writeFileSync(join(folder, "broken"), "a: [");
  const broken = await check(PROBE, { ...WEB, kubeconfig: join(folder, "broken") });
  assert.equal(verdict(broken), "local local_fault 0");
});

const KUBECTL = kubectlMissing();

function kubectlMissing(): string | undefined {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    return undefined;
  } catch {
    const message = "needs kubectl (Debian: kubernetes-client)";
    if (process.env["CI"] === "true") throw new Error(message);
    return message;
  }
}

test(
  "the real kubectl sends what the remedy sends",
  { skip: KUBECTL ?? false, timeout: 60_000 },
  async () => {
    await using api = await startApi();
    const kubeconfig = writeKubeconfig(api, { token: TOKEN }, "kubectl-config");
    const environment = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: kubeconfig };
    const kubectl = async (...words: string[]) =>
      (await promisify(execFile)("kubectl", words, { env: environment, timeout: 20_000 })).stdout;
    const changes = () => {
      const made = api.requests.filter(({ method }) => method !== "GET");
      return made.map(({ method, path, contentType, body }) => {
        const shape = body.replace(/"[\d-]+T[\d:.Z+-]+"/, '"TIME"');
        return `${method} ${path.split("?", 1)[0]} ${method === "DELETE" ? "" : `${contentType} ${shape}`}`;
      });
    };
    assert.match(await kubectl("get", "deployment", "web", "-o", "name"), /deployment.apps\/web/);
    assert.match(await kubectl("rollout", "restart", "deployment/web"), /restarted/);
    assert.match(await kubectl("scale", "deployment/web", "--replicas=2"), /scaled/);
    assert.match(await kubectl("delete", "pod", "db-0", "--wait=false"), /deleted/);
    const theirs = changes();
    await using other = await startApi();
    const ours = access(other);
    for (const config of [{ ...WEB, action: "restart" }, { ...WEB, action: "scale", replicas: 2 }]) {
      assert.equal((await repair({ ...ours, ...config })).ok, true);
    }
    assert.equal((await repair({ ...ours, kind: "pod", name: "db-0", action: "delete" })).ok, true);
    const made = other.requests.filter(({ method }) => method !== "GET");
    assert.deepEqual(
      made.map(({ method, path, contentType, body }) => {
        const shape = body.replace(/"[\d-]+T[\d:.Z+-]+"/, '"TIME"');
        return `${method} ${path.split("?", 1)[0]} ${method === "DELETE" ? "" : `${contentType} ${shape}`}`;
      }),
      theirs,
    );
  },
);

test("kubernetes refuses what names no object, or asks what cannot be done to it", () => {
  assert.match(refusal(PROBE, { kind: "deployment" }), /name/);
  assert.match(refusal(PROBE, { kind: "cron", name: "x" }), /kind/);
  assert.match(refusal(PROBE, { ...WEB, name: "../x" }), /expected the name of one object/);
  assert.match(refusal(PROBE, { ...WEB, server: "http://example.com" }), /expected https/);
  assert.match(refusal(PROBE, { ...WEB, server: "https://example.com:64x3" }), /server/);
  assert.match(refusal(PROBE, { ...WEB, token: "x" }), /token and ca_file need server/);
  assert.match(refusal(PROBE, { ...WEB, kubeconfig: "/x", server: "https://x" }), /kubeconfig says how/);
  const fault = (config: object) => {
    const parsed = KUBERNETES.schema.safeParse(config);
    return parsed.success ? "" : parsed.error.issues.map(({ message }) => message).join("; ");
  };
  assert.match(fault({ ...WEB, action: "delete" }), /only a pod can be deleted/);
  assert.match(fault({ kind: "pod", name: "a", action: "restart" }), /a pod can only be deleted/);
  assert.match(fault({ ...WEB, action: "scale" }), /scale needs replicas/);
  assert.match(fault({ kind: "daemonset", name: "a", action: "scale", replicas: 2 }), /cannot be scaled/);
  const { target, shared } = KUBERNETES.split(
    KUBERNETES.schema.parse({ ...WEB, action: "scale", replicas: 4 }),
  );
  assert.equal(target, "deployment/web");
  assert.equal(KUBERNETES.describe(target, shared), "scale deployment web to 4");
  const named = KUBERNETES.split(KUBERNETES.schema.parse({ ...WEB, namespace: "shop", action: "restart" }));
  assert.equal(named.target, "shop/deployment/web");
  assert.equal(KUBERNETES.describe(named.target, named.shared), "restart deployment shop/web");
});
