/** The routes and the profiler over threads that a test plays itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProfileReply, ProfileRequest } from "../../src/host/profile_messages.ts";
import { profileRoutes } from "../../src/server/profile_routes.ts";
import { Profiler } from "../../src/server/profiler.ts";
import { createMailCount } from "../../src/shm/mail_count.ts";
import { decodePprof } from "../telemetry/pprof_decoder.ts";

/** A profiler with one thread whose answers the test gives. */
function play(name = "main") {
  const profiler = new Profiler(createMailCount(), () => 0);
  const { port1, port2 } = new MessageChannel();
  const arrived: ProfileRequest[] = [];
  const waiting: ((request: ProfileRequest) => void)[] = [];
  port1.onmessage = ({ data }: MessageEvent<ProfileRequest>) => {
    const next = waiting.shift();
    if (next === undefined) arrived.push(data);
    else next(data);
  };
  profiler.addThread(name, port2);
  const routes = profileRoutes({ profiler, commandLine: ["cpra"], wallMs: () => 0 });
  return {
    profiler,
    get: (path: string, init: RequestInit = {}) => routes.request(`/debug/pprof/${path}`, init),
    asked: () => {
      const first = arrived.shift();
      return first === undefined
        ? new Promise<ProfileRequest>((resolve) => waiting.push(resolve))
        : Promise.resolve(first);
    },
    reply: (reply: ProfileReply) => port1.postMessage(reply),
    [Symbol.dispose]() {
      profiler.close();
      port1.close();
    },
  };
}

test("wrong queries are 400 with what was found and what is allowed, and ask no thread", async () => {
  using thread = play();
  const whole = "allowed is a whole number from 1 to 60";
  const cases = [
    ["profile?seconds=0", `seconds is "0"; ${whole}`],
    ["profile?seconds=61", `seconds is "61"; ${whole}`],
    ["profile?seconds=1e1", `seconds is "1e1"; ${whole}`],
    ["trace?seconds=-1", `seconds is "-1"; ${whole}`],
    ["heap?seconds=", `seconds is ""; ${whole}`],
    ["profile?seconds=1&format=svg", 'format is "svg"; allowed: pprof, cpuprofile'],
    ["profile?seconds=1&format=cpuprofile&thread=x", 'thread is "x"; there are: main'],
    ["heap?thread=x", 'thread is "x"; there are: main'],
    [
      "profile?seconds=1&thread=main",
      "thread= goes with format=cpuprofile; pprof labels every thread",
    ],
  ] as const;
  for (const [path, message] of cases) {
    const answer = await thread.get(path);
    assert.deepEqual([answer.status, await answer.text()], [400, `Cannot profile: ${message}\n`], path);
  }
});

test("one profile at a time: a second one is 409 with Retry-After, and the next one works", async () => {
  using thread = play();
  const first = thread.get("profile?seconds=7");
  const request = await thread.asked();
  for (const path of ["profile?seconds=1", "heap", "trace", "profile?format=cpuprofile"]) {
    const second = await thread.get(path);
    assert.deepEqual([second.status, second.headers.get("retry-after")], [409, "7"], path);
    assert.match(await second.text(), /another profile is under way for about 7 s more/);
  }
  thread.reply({ id: request.id, type: "done", kernelId: 1 });
  assert.equal((await first).status, 200);
  const next = thread.get("profile?seconds=1");
  thread.reply({ id: (await thread.asked()).id, type: "done", kernelId: 1 });
  assert.equal((await next).status, 200);
});

test("HEAD costs nothing", async () => {
  using thread = play();
  for (const path of ["profile", "heap", "trace"]) {
    assert.equal((await thread.get(path, { method: "HEAD" })).status, 200);
  }
});

test("the default is 30 seconds of CPU and one of trace, as Go has it", async () => {
  using thread = play();
  for (const [path, ms] of [["profile", 30_000], ["trace", 1000]] as const) {
    const answer = thread.get(path);
    const request = await thread.asked();
    assert.equal("ms" in request && request.ms, ms);
    thread.reply({ id: request.id, type: "done", kernelId: 1 });
    await answer;
  }
});

test("the engine's heap is taken only when it is named", async () => {
  using thread = play();
  const all = decodePprof(new Uint8Array(await (await thread.get("heap")).arrayBuffer()));
  assert.match(all.comments.join(), /thread main is left out/);
  const named = thread.get("heap?thread=main");
  const request = await thread.asked();
  assert.equal(request.type, "snapshot");
  thread.reply({ id: request.id, type: "left-out", reason: "a reason" });
  thread.reply({ id: request.id, type: "done", kernelId: 1 });
  const { comments } = decodePprof(new Uint8Array(await (await named).arrayBuffer()));
  assert.deepEqual(comments, ["thread main is left out: a reason"]);
});

test("a thread that ends while it is asked leaves the rest of the profile whole", async () => {
  using thread = play();
  const answer = thread.get("profile?seconds=60");
  await thread.asked();
  thread.profiler.removeThread("main");
  const { comments } = decodePprof(new Uint8Array(await (await answer).arrayBuffer()));
  assert.deepEqual(comments, ["thread main is left out: it ended or did not answer in time"]);
});

test("a .cpuprofile of a thread that gives nothing is 503", async () => {
  using thread = play();
  const answer = thread.get("profile?format=cpuprofile&seconds=1");
  thread.reply({ id: (await thread.asked()).id, type: "done", kernelId: 1 });
  assert.equal((await answer).status, 503);
});

test("the asker's going away is passed on to the threads", async () => {
  using thread = play();
  const asker = new AbortController();
  const answer = thread.get("profile?seconds=60", { signal: asker.signal });
  const { id } = await thread.asked();
  asker.abort();
  assert.deepEqual(await thread.asked(), { id, type: "end" });
  thread.reply({ id, type: "done", kernelId: 1 });
  await answer;
});
