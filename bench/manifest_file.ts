/** Manifests of the benches: JSON lines, of any size, with every name and target chosen by the bench. */
import { closeSync, openSync, writeSync } from "node:fs";
import { hashText } from "../src/base/hash.ts";

export interface MonitorLine {
  readonly name: string;
  readonly type: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Of the check: url, host, port. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Told when it goes down; none: nobody. */
  readonly alertFile?: string;
}

/** How many were written. */
export function writeManifest(path: string, monitors: Iterable<MonitorLine>): number {
  const file = openSync(path, "w");
  let lines: string[] = [];
  let count = 0;
  const flush = () => {
    writeSync(file, lines.join(""));
    lines = [];
  };
  for (const monitor of monitors) {
    lines.push(`${JSON.stringify(lineOf(monitor))}\n`);
    count++;
    if (lines.length === 2000) flush();
  }
  flush();
  closeSync(file);
  return count;
}

function lineOf({ name, type, intervalSeconds, timeoutSeconds, config, alertFile }: MonitorLine): object {
  const alert = alertFile === undefined
    ? {}
    : { codes: { red: { dispatch: true, notify: "log", config: { file: alertFile } } } };
  return {
    name,
    pulse_check: {
      type,
      interval: `${intervalSeconds}s`,
      timeout: `${timeoutSeconds}s`,
      max_failures: 1,
      config,
    },
    ...alert,
  };
}

/**
 * Names whose checks all fall between two moments of the interval (`from` and `to`, shares of it): cpra puts a monitor at
 * hash(name) ÷ 2³² of its interval. With them the load of a running fleet rises and falls by itself, at known times.
 */
export function* phasedNames(
  { prefix, count, from, to }: {
    readonly prefix: string;
    readonly count: number;
    readonly from: number;
    readonly to: number;
  },
): Generator<string> {
  for (let found = 0, index = 0; found < count; index++) {
    const name = `${prefix}-${index}`;
    const phase = hashText(name) / 4294967296;
    if (phase < from || phase >= to) continue;
    found++;
    yield name;
  }
}
