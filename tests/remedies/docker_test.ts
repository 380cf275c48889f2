/** The docker remedy against a real Docker Engine, started here; see support/docker_engine.ts for what that needs. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { DOCKER } from "../../src/remedies/docker.ts";
import { dockerEngineMissing, startDockerEngine } from "../support/docker_engine.ts";

const NEVER = new AbortController().signal;
const MISSING = dockerEngineMissing();
const REAL = { skip: MISSING ?? false, timeout: 120_000 };
/** Ends at once when told to. */
const OBEDIENT = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
/** Ends only when killed. */
const STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"];

function remedy(config: Record<string, unknown>, signal: AbortSignal = NEVER) {
  const { target, shared } = DOCKER.split(DOCKER.schema.parse(config));
  const request = { monitor: "m", incident: "i1", attempt: 1, error: "refused", timeoutMs: 30_000 };
  return DOCKER.run({ ...request, target, config: JSON.parse(JSON.stringify(shared)) }, signal);
}

test("docker does every verb on a real container", REAL, async () => {
  await using engine = await startDockerEngine();
  const socket = engine.socketPath;
  const id = await engine.runContainer("web", OBEDIENT);
  const step = async (action: string, expected: string, state: string) => {
    const result = await remedy({
      container: "web",
      action,
      socket,
      ...(action === "stop" ? { timeout: "5s" } : {}),
    });
    assert.deepEqual(result, { ok: true, retryable: false, text: expected }, action);
    assert.equal(await engine.state("web"), state, action);
  };
  await step("start", "container web was already running", "running");
  await step("pause", "paused container web (paused)", "paused");
  await step("pause", "container web was already paused", "paused");
  await step("unpause", "unpaused container web (running)", "running");
  await step("unpause", "container web was already running", "running");
  await step("restart", "restarted container web (running)", "running");
  await step("stop", "stopped container web (exited with code 0)", "exited");
  await step("stop", "container web was already exited with code 0", "exited");
  await step("kill", "container web was already exited with code 0", "exited");
  await step("restart", "restarted container web (running)", "running");
  await step("kill", "killed container web (exited with code 137)", "exited");
  await step("start", "started container web (running)", "running");

  assert.equal((await remedy({ container: id, socket })).ok, true, "by its full id");
  assert.equal((await remedy({ container: id.slice(0, 12), socket })).ok, true, "by its short id");
  const paused = await remedy({ container: "web", action: "pause", socket });
  assert.equal(paused.ok, true);
  const start = await remedy({ container: "web", action: "start", socket });
  assert.equal(start.ok, false);
  assert.match(start.text, /paused/);
});

test(
  "docker says what it could not do, and whether again would help",
  REAL,
  async () => {
    await using engine = await startDockerEngine();
    const socket = engine.socketPath;
    assert.deepEqual(await remedy({ container: "nobody", socket }), {
      ok: false,
      retryable: false,
      text: "no such container: nobody",
    });

    // The engine itself takes the beginning of an id for the container.
    const id = await engine.runContainer("stranger", OBEDIENT);
    const prefix = id.slice(0, 3);
    assert.deepEqual(await remedy({ container: prefix, action: "kill", socket }), {
      ok: false,
      retryable: false,
      text: `no such container: ${prefix}`,
    });
    assert.equal(await engine.state("stranger"), "running");

    await engine.runContainer("crashing", ["sh", "-c", "sleep 0.3; exit 3"]);
    while (await engine.state("crashing") === "running") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const pause = await remedy({ container: "crashing", action: "pause", socket });
    assert.deepEqual([pause.ok, pause.retryable], [false, true]);
    assert.match(pause.text, /is not running/);

    const gone = await remedy({ container: "web", socket: `${socket}.none` });
    assert.deepEqual(gone, {
      ok: false,
      retryable: true,
      text: `Docker Engine at ${socket}.none: no such socket`,
    });
  },
);

test("docker keeps the grace of a stop, and its own deadline", REAL, async () => {
  await using engine = await startDockerEngine();
  const socket = engine.socketPath;
  await engine.runContainer("stubborn", STUBBORN);
  const startedMs = performance.now();
  const stopped = await remedy({ container: "stubborn", action: "stop", timeout: 1, socket });
  const tookMs = performance.now() - startedMs;
  assert.deepEqual(stopped, {
    ok: true,
    retryable: false,
    text: "stopped container stubborn (exited with code 137)",
  });
  assert.ok(tookMs >= 1000 && tookMs < 9000, `took ${tookMs} ms`);

  await engine.api("POST", "/containers/stubborn/start");
  const late = await remedy(
    { container: "stubborn", action: "restart", timeout: "30s", socket },
    AbortSignal.timeout(300),
  );
  assert.deepEqual(late, {
    ok: false,
    retryable: false,
    text: `Docker Engine at ${socket}: no complete answer in time`,
  });
});

test(
  "docker reports a container's health and one that ends at once",
  REAL,
  async () => {
    await using engine = await startDockerEngine();
    const socket = engine.socketPath;
    const health = { Healthcheck: { Test: ["CMD", "true"], Interval: 1_000_000_000 } };
    await engine.runContainer("healthy", OBEDIENT, health);
    assert.deepEqual(await remedy({ container: "healthy", type: "restart", timeout: 2, socket }), {
      ok: true,
      retryable: false,
      text: "restarted container healthy (running, health: starting)",
    });
    // Whether it is still seen running is a matter of microseconds; with a command that is missing it never runs.
    await engine.api("POST", "/containers/create?name=broken", {
      Image: "cpra-test:1",
      Cmd: ["/nothing"],
      HostConfig: { NetworkMode: "none" },
    });
    const broken = await remedy({ container: "broken", action: "start", socket });
    assert.equal(broken.ok, false);
    assert.match(broken.text, /nothing/);
  },
);

test("docker survives a daemon that goes away while it works", REAL, async () => {
  await using engine = await startDockerEngine();
  await engine.runContainer("stubborn", STUBBORN);
  const running = remedy({
    container: "stubborn",
    action: "stop",
    timeout: "15s",
    socket: engine.socketPath,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await engine.stopDaemon();
  const result = await running;
  assert.equal(result.ok, false, result.text);
  assert.equal((await remedy({ container: "stubborn", socket: engine.socketPath })).retryable, true);
});

test(
  "docker scales a swarm service and the containers of a compose service",
  REAL,
  async () => {
    await using engine = await startDockerEngine();
    const socket = engine.socketPath;
    const scale = (config: Record<string, unknown>, signal = NEVER) =>
      remedy({ action: "scale", socket, ...config }, signal);

    const noSwarm = await scale({ service: "web", replicas: 2 });
    assert.deepEqual([noSwarm.ok, noSwarm.retryable], [false, false]);
    assert.match(noSwarm.text, /not a swarm manager/);

    for (const number of [1, 2, 3]) {
      await engine.runContainer(`shop-web-${number}`, OBEDIENT, {
        Labels: {
          "com.docker.compose.project": "shop",
          "com.docker.compose.service": "web",
          "com.docker.compose.oneoff": "False",
          "com.docker.compose.container-number": String(number),
        },
      });
    }
    const states = () => Promise.all([1, 2, 3].map((number) => engine.state(`shop-web-${number}`)));
    assert.deepEqual(await scale({ project: "shop", service: "web", replicas: 1 }), {
      ok: true,
      retryable: false,
      text: "scaled compose service shop/web to 1 of 3",
    });
    assert.deepEqual(await states(), ["running", "exited", "exited"]);
    assert.equal((await scale({ project: "shop", service: "web", replicas: 2 })).ok, true);
    assert.deepEqual(await states(), ["running", "running", "exited"]);
    assert.deepEqual(await scale({ project: "shop", service: "web", replicas: 4 }), {
      ok: false,
      retryable: false,
      text:
        'compose service shop/web has 3 containers, 4 are wanted: only "docker compose up --scale" can make more',
    });
    assert.deepEqual(await states(), ["running", "running", "exited"], "nothing was touched");
    assert.equal(
      (await scale({ project: "shop", service: "nothing", replicas: 1 })).text,
      "no such compose service: shop/nothing",
    );

    await engine.api("POST", "/swarm/init", { ListenAddr: "127.0.0.1:0", AdvertiseAddr: "127.0.0.1" });
    const task = {
      ContainerSpec: { Image: "cpra-test:1", Command: ["sleep", "1000"], Env: ["KEPT=1"] },
      Networks: [],
    };
    await engine.api("POST", "/services/create", {
      Name: "web",
      TaskTemplate: task,
      Mode: { Replicated: { Replicas: 1 } },
    });
    await engine.api("POST", "/services/create", {
      Name: "everywhere",
      TaskTemplate: task,
      Mode: { Global: {} },
    });
    for (const replicas of [3, 1]) {
      assert.deepEqual(await scale({ service: "web", replicas }, AbortSignal.timeout(60_000)), {
        ok: true,
        retryable: false,
        text: `scaled service web to ${replicas}`,
      });
    }
    const service = await engine.api("GET", "/services/web") as {
      Spec: { TaskTemplate: { ContainerSpec: { Env: unknown } } };
    };
    assert.deepEqual(
      service.Spec.TaskTemplate.ContainerSpec.Env,
      ["KEPT=1"],
      "the rest of the service is kept",
    );
    assert.equal(
      (await scale({ service: "everywhere", replicas: 2 })).text,
      "service everywhere is not replicated: it cannot be scaled",
    );
    assert.equal((await scale({ service: "nothing", replicas: 2 })).text, "no such service: nothing");
    await engine.api("POST", "/swarm/leave?force=1");
  },
);

test("docker refuses a configuration that does not name one thing and one verb", () => {
  const fault = (config: unknown) =>
    DOCKER.schema.safeParse(config).error?.issues.map((issue) => issue.message).join("; ");
  assert.equal(fault({}), "restart needs container, the name or id of one container");
  assert.equal(fault({ container: "" }), "expected the name or id of one container");
  for (const hostile of ["*", "a b", "../x", "a/b", "-x", "web?all=1", "{}"]) {
    assert.equal(fault({ container: hostile }), "expected the name or id of one container", hostile);
  }
  assert.match(fault({ container: "web", action: "destroy" }) ?? "", /restart.*unpause/s);
  assert.match(fault({ container: "web", action: "stop", type: "start" }) ?? "", /say different things/);
  assert.equal(fault({ container: "web", action: "stop", type: "stop" }), undefined);
  assert.match(fault({ container: "web", action: "pause", timeout: 5 }) ?? "", /belongs to restart and stop/);
  assert.match(fault({ container: "web", replicas: 2 }) ?? "", /belong to scale/);
  assert.match(fault({ action: "scale", service: "web" }) ?? "", /needs service and replicas/);
  assert.match(fault({ action: "scale", service: "web", replicas: 0 }) ?? "", /1/);
  assert.match(fault({ action: "scale", service: "web", replicas: 2, container: "x" }) ?? "", /no container/);
  assert.match(fault({ container: "web", socket: "tcp://10.0.0.1:2375" }) ?? "", /unix socket/);
  assert.match(fault({ container: "web", containers: ["a"] }) ?? "", /containers/);
});

test("docker describes what it would do", () => {
  const describe = (config: unknown) => {
    const { target, shared } = DOCKER.split(DOCKER.schema.parse(config));
    return DOCKER.describe(target, shared);
  };
  assert.equal(describe({ container: "web" }), "restart container web");
  assert.equal(describe({ container: "web", type: "stop" }), "stop container web");
  assert.equal(describe({ action: "scale", service: "web", replicas: 3 }), "scale service web to 3");
  assert.equal(
    describe({ action: "scale", project: "shop", service: "web", replicas: 3 }),
    "scale service shop/web to 3",
  );
});
