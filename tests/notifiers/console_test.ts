/** The console notifier in a process of its own, whose standard output is looked at. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AlertMessage } from "../../src/model/message.ts";
import { alertMessage } from "../support/alert_message.ts";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

interface Run {
  readonly output: string;
  /** One DeliveryResult as JSON per line. */
  readonly results: string;
}

/** Sends all messages at once in a new process; `readOutput: false` closes the reading end of its standard output. */
async function runConsole(messages: readonly AlertMessage[], readOutput = true): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-console-"));
  try {
    const file = join(folder, "console.mts");
    const source = new URL("../../src/notifiers/console.ts", import.meta.url).href;
    writeFileSync(
      file,
      `import { CONSOLE } from ${JSON.stringify(source)};
      let text = "";
      for await (const chunk of process.stdin) text += chunk;
      const channel = CONSOLE.open({});
      const signal = AbortSignal.timeout(8000);
      for (const result of await Promise.all(JSON.parse(text).map((message) => channel.send(message, signal)))) {
        console.error(JSON.stringify(result));
      }
      await channel.close();
      process.exit(0);`,
    );
    const args = "Deno" in globalThis ? ["run", "-A", "--no-check", "--config", CONFIG, file] : [file];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    if (!readOutput) child.stdout.destroy();
    let [output, results] = ["", ""];
    child.stdout.on("data", (chunk) => output += String(chunk));
    child.stderr.on("data", (chunk) => results += String(chunk));
    child.stdin.end(JSON.stringify(messages));
    await new Promise((resolve) => child.on("close", resolve));
    return { output, results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("console writes one readable line per alert, with everything from outside escaped", async () => {
  const { output, results } = await runConsole([
    alertMessage(),
    alertMessage({
      color: "green",
      error: "",
      since: "",
      tried: [],
      monitor: "x",
      summary: "\u001b[2Jforged\nline\u009b",
    }),
  ]);
  assert.equal(
    output,
    "2026-01-02T03:05:35.500Z RED    CRITICAL ALERT: shop: shop has failed 3 checks in a row " +
      "[target http http://shop.example.com/health; error connection refused; since 2026-01-02T03:04:05.000Z (1m31s); " +
      "tried restart container shop: done (1.2s); incident i1]\n" +
      "2026-01-02T03:05:35.500Z GREEN  CRITICAL ALERT: shop: \\u001b[2Jforged\\u000aline\\u009b " +
      "[target http http://shop.example.com/health; incident i1]\n",
  );
  assert.equal(results, '{"result":"sent"}\n{"result":"sent"}\n');
});

test("console writes a burst larger than a pipe holds without mixing lines", async () => {
  const messages = Array.from(
    { length: 500 },
    (_, seq) => alertMessage({ incident: `i${seq}`, summary: "z".repeat(700) }),
  );
  const { output } = await runConsole(messages);
  const incidents = output.trimEnd().split("\n").map((line) =>
    /^2026-\S+ RED .*; incident (i\d+)\]$/.exec(line)?.[1]
  );
  assert.deepEqual(incidents, messages.map((message) => message.incident));
});

test("console refuses when nobody can read any more", async () => {
  const { results } = await runConsole([alertMessage()], false);
  assert.equal(results, '{"result":"refused","error":"console: standard output is closed"}\n');
});
