/**
 * The thread test as a compiled binary, where workers and shared memory must work as they do from source. Build and run:
 *
 *   bun build --compile --root tests/threads/binary --outfile "$(mktemp -d)/push" \
 *     tests/threads/binary/main.ts tests/threads/binary/echo_worker.ts
 *
 * prints "2000000 records, 0 lost" with the rate, and exits 0; with what went wrong and 1 otherwise.
 */
import process from "node:process";
import { pushThrough } from "../push.ts";

const spawn = () => new Worker(new URL("./echo_worker.ts", import.meta.url), { type: "module" });
const report = await pushThrough({
  spawn,
  workers: 2,
  records: 2_000_000,
  seed: Date.now() >>> 0,
  batch: 600,
});
for (const fault of report.faults) process.stderr.write(`${fault}\n`);
process.stdout.write(
  `${report.answered} records, ${report.lost} lost, ${Math.round(report.perSecond)} records/s\n`,
);
process.exit(report.lost === 0 && report.faults.length === 0 ? 0 : 1);
