/** The docker check against a real Docker Engine, started here, and against things that only look like one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCKER } from "../../src/probes/docker.ts";
import { serveUnix } from "../net/sockets.ts";
import { dockerEngineMissing, startDockerEngine } from "../support/docker_engine.ts";
import { check, refusal, verdict } from "./check.ts";

const REAL = { skip: dockerEngineMissing() ?? false, timeout: 120_000 };
const OBEDIENT = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
/** Healthy while /sick is not there. */
const HEALTH = {
  Healthcheck: {
    Test: ["CMD", "sh", "-c", "if [ -f /sick ]; then echo no room left; exit 1; fi"],
    Interval: 200_000_000,
    Timeout: 5_000_000_000,
    Retries: 1,
  },
};

test("a container passes while it runs, and fails with its state when it does not", REAL, async () => {
  await using engine = await startDockerEngine();
  const socket = engine.socketPath;
  const id = await engine.runContainer("web", OBEDIENT);
  const passed = await check(DOCKER, { container: "web", socket });
  assert.equal(verdict(passed), "pass none 0");
  assert.equal(passed.text, "running");
  assert.equal(verdict(await check(DOCKER, { container: id.slice(0, 12), socket })), "pass none 0");
  const none = await check(DOCKER, { container: "web", socket, health: "required" });
  assert.equal(verdict(none), "fail state 0");
  assert.equal(none.text, "running, without the health check that is required");

  await engine.api("POST", "/containers/web/pause");
  assert.equal((await check(DOCKER, { container: "web", socket })).text, "paused, wanted running");
  assert.equal((await check(DOCKER, { container: "web", socket, state: "paused" })).outcome, "pass");
  await engine.api("POST", "/containers/web/unpause");
  await engine.api("POST", "/containers/web/kill");
  const dead = await check(DOCKER, { container: "web", socket });
  assert.equal(verdict(dead), "fail state 0");
  assert.equal(dead.text, "exited with code 137, wanted running");
  assert.equal((await check(DOCKER, { container: "web", socket, state: "exited" })).outcome, "pass");

  const missing = await check(DOCKER, { container: "nobody", socket });
  assert.equal(verdict(missing), "fail missing 0");
  assert.equal(missing.text, "no such container: nobody");
  assert.equal(
    verdict(await check(DOCKER, { container: "we", socket })),
    "fail missing 0",
    "not by a beginning",
  );
});

test("a container's health check decides, with its last words", REAL, async () => {
  await using engine = await startDockerEngine();
  const socket = engine.socketPath;
  await engine.runContainer("web", OBEDIENT, HEALTH);
  const becomes = async (config: object, wanted: string) => {
    for (const giveUpMs = Date.now() + 30_000;;) {
      const seen = await check(DOCKER, { container: "web", socket, ...config });
      if (`${seen.outcome}: ${seen.text}` === wanted) return;
      assert.ok(Date.now() < giveUpMs, `${seen.outcome}: ${seen.text}, wanted ${wanted}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await becomes({ health: "required" }, "pass: running, health: healthy");
  const { Id: exec } = await engine.api("POST", "/containers/web/exec", { Cmd: ["sh", "-c", "> /sick"] }) as {
    Id: string;
  };
  await engine.api("POST", `/exec/${exec}/start`, { Detach: true });
  await becomes({}, "fail: running, health: unhealthy: no room left");
  assert.equal((await check(DOCKER, { container: "web", socket, health: "ignored" })).outcome, "pass");
  await engine.stopDaemon();
  const away = await check(DOCKER, { container: "web", socket });
  assert.match(verdict(away), /^fail (no_socket|refused) 0$/);
});

test("an engine that is not there or is none fails, in time, with what was wrong", async () => {
  const gone = await check(DOCKER, { container: "web", socket: "/nonexistent/docker.sock" });
  assert.equal(verdict(gone), "fail no_socket 0");
  assert.equal(gone.text, "Docker Engine at /nonexistent/docker.sock: no such socket");
  const answers: Readonly<Record<string, { readonly bytes: string; readonly wanted: RegExp }>> = {
    garbage: { bytes: "\0\x01nonsense\r\n\r\n", wanted: /^fail (protocol|closed_early|reset) 0$/ },
    nothing: { bytes: "", wanted: /^fail (closed_early|reset) 0$/ },
    cut: { bytes: "HTTP/1.1 200 OK\r\nContent-Le", wanted: /^fail (protocol|closed_early|reset) 0$/ },
    stranger: {
      bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
      wanted: /^fail protocol 0$/,
    },
    refusing: {
      bytes: "HTTP/1.1 500 Oops\r\nApi-Version: 1.45\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      wanted: /^fail status 500$/,
    },
    flood: {
      bytes: `HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 9000000\r\n\r\n${
        "[".repeat(9_000_000)
      }`,
      wanted: /^fail protocol 0$/,
    },
  };
  for (const [name, { bytes, wanted }] of Object.entries(answers)) {
    await using server = await serveUnix((socket) => socket.once("data", () => socket.end(bytes, "latin1")));
    const seen = await check(DOCKER, { container: "web", socket: server.path });
    assert.match(verdict(seen), wanted, `${name}: ${seen.text}`);
  }
  await using silent = await serveUnix(() => {});
  const late = await check(DOCKER, { container: "web", socket: silent.path }, { timeoutMs: 150 });
  assert.equal(verdict(late), "fail response_timeout 150");
  assert.ok(late.tookMs < 400);
});

test("docker refuses what names no container", () => {
  assert.match(refusal(DOCKER, {}), /container/);
  assert.match(refusal(DOCKER, { container: "a b" }), /expected the name or id of one container/);
  assert.match(refusal(DOCKER, { container: "web", socket: "tcp://x" }), /expected a unix socket/);
});
