import { type ChildProcess, spawn } from "node:child_process";
import { test } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { talk } from "./raw_client.ts";

const SERVE = fileURLToPath(new URL("../../mock-servers/serve.ts", import.meta.url));
const DEADLINE_MS = 20_000;

interface Served {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exitCode: Promise<number | null>;
}

/** serve.ts in a process of its own, under the runtime of this test. */
function serve(args: readonly string[]): Served {
  const flags = typeof Deno === "undefined" ? [] : ["run", "-A"];
  const child = spawn(process.execPath, [...flags, SERVE, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => text += String(chunk));
  return { child, output: () => text, exitCode: new Promise((resolve) => child.on("close", resolve)) };
}

/** Not child.kill(): after it Deno 2.9 reports the signal as the child's end whatever its exit code was. */
function terminate(served: Served): void {
  process.kill(served.child.pid as number, "SIGTERM");
}

async function waitFor(served: Served, pattern: RegExp): Promise<RegExpExecArray> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (performance.now() < deadlineMs) {
    const found = pattern.exec(served.output());
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  served.child.kill("SIGKILL");
  throw new Error(`no ${pattern} within ${DEADLINE_MS} ms in:\n${served.output()}`);
}

test("serve.ts targets runs the fleet until SIGTERM", async () => {
  const served = serve(["targets", "--port", "0", "--control", "0", "--count", "50", "--own", "1"]);
  const [, port] = await waitFor(served, /port (\d+) \(http and tcp\)/) as unknown as [string, string];
  const [, control] = await waitFor(served, /control: (\S+)\n/) as unknown as [string, string];
  await waitFor(served, /try: curl/);
  assert.match((await talk({ host: "127.1.0.3", port: Number(port) })).text, /^HTTP\/1\.1 200 /);
  const order = { match: { index: 50 }, fault: { kind: "refused" } };
  await fetch(`${control}/faults`, { method: "POST", body: JSON.stringify(order) });
  const place = await (await fetch(`${control}/targets/50`)).json() as { host: string; port: number };
  assert.equal((await talk(place)).end, "ECONNREFUSED");
  terminate(served);
  assert.equal(await served.exitCode, 0, served.output());
  assert.match(served.output(), /served 1 requests on 1 connections\n$/);
});

test("serve.ts runs a sink until SIGTERM", async () => {
  const served = serve(["slack", "--port", "0"]);
  await waitFor(served, /slack sink: http:\/\/127\.0\.0\.1:\d+ /);
  terminate(served);
  assert.equal(await served.exitCode, 0, served.output());
});

test("serve.ts says how it is used when it is used wrongly", async () => {
  const calls: readonly (readonly [string[], RegExp])[] = [
    [[], /expected the name of one mock server\nusage: serve\.ts targets/],
    [["mail"], /no mock server "mail"\nusage/],
    [["targets", "--port", "x"], /--port "x": expected a whole number\nusage/],
    [["targets", "--what"], /--what[^]*usage/],
  ];
  for (const [args, message] of calls) {
    const served = serve(args);
    assert.equal(await served.exitCode, 2, served.output());
    assert.match(served.output(), message);
  }
});
