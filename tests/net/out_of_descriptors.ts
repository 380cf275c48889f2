/** Run by connect_test.ts in a process of its own: uses up every descriptor, then says what a connect() comes to. */
import { closeSync, openSync } from "node:fs";
import { connect } from "../../src/net/connect.ts";

const request = { host: "127.0.0.1", port: 1, startedMs: performance.now(), timeoutMs: 2000 };
const signal = AbortSignal.timeout(2000);
// A process has always run for a moment before it runs out.
await new Promise((resolve) => setTimeout(resolve, 0));
const held: number[] = [];
try {
  while (true) held.push(openSync("/dev/null", "r"));
} catch {
  // EMFILE: full.
}
const end = await connect(request, signal);
for (const descriptor of held) closeSync(descriptor);
process.stdout.write(
  end.kind === "failed" ? `${end.failure.outcome} ${end.failure.reason}\n` : "connected\n",
);
