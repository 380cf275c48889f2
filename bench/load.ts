/** How fast manifests are read and checked, by form and size, and the most memory that takes: `cpra validate` as a process. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, closed, hasEnded, pinned, sleep } from "./child.ts";
import { median, type Report } from "./report.ts";

export interface LoadOptions {
  readonly counts: readonly number[];
  readonly turns: number;
}

const FORMATS = ["yaml", "jsonl"] as const;

export async function benchLoad({ counts, turns }: LoadOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  const rows: Report["tables"][number]["rows"][number][] = [];
  try {
    for (const count of counts) {
      const files = FORMATS.map((format) => join(folder, `fleet.${format}`));
      FORMATS.forEach((format, i) => generate({ count, format, path: files[i] as string }));
      const times = FORMATS.map((): number[] => []);
      const peaks = FORMATS.map(() => 0);
      for (let turn = 0; turn < turns; turn++) {
        for (let i = 0; i < FORMATS.length; i++) {
          const { ms, peakBytes } = await validate(files[i] as string);
          times[i]?.push(ms);
          peaks[i] = Math.max(peaks[i] as number, peakBytes);
        }
      }
      FORMATS.forEach((format, i) => {
        const seconds = median(times[i] as number[]) / 1000;
        const megabytes = statSync(files[i] as string).size / 1e6;
        rows.push([
          format,
          count,
          megabytes,
          seconds,
          count / seconds,
          megabytes / seconds,
          (peaks[i] as number) / 1e6,
        ]);
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return {
    name: "load",
    conditions:
      `\`cpra validate\` of what \`cpra generate\` wrote, all cores, start of the process included, median of ${turns}`,
    tables: [{
      title: "Reading manifests",
      columns: ["form", "monitors", "MB", "s", "monitors/s", "MB/s", "peak RSS MB"],
      rows,
    }],
  };
}

function generate(
  { count, format, path }: { readonly count: number; readonly format: string; readonly path: string },
): void {
  const { status, stderr } = spawnSync(
    BINARY,
    ["generate", "--count", String(count), "--format", format, "--out", path],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`cpra generate failed: ${stderr}`);
}

async function validate(path: string): Promise<{ readonly ms: number; readonly peakBytes: number }> {
  let log = "";
  const beganMs = performance.now();
  const child = pinned([BINARY, "validate", path], { core: undefined, log: (text) => log += text });
  const ended = closed(child).then((code) => ({ code, ms: performance.now() - beganMs }));
  let peakBytes = 0;
  while (!hasEnded(child)) {
    peakBytes = Math.max(peakBytes, peakRss(child.pid as number));
    await sleep(5);
  }
  const { code, ms } = await ended;
  if (code !== 0) throw new Error(`cpra validate failed:\n${log}`);
  return { ms, peakBytes };
}

/** The kernel's own high-water mark; 0 when the process is gone. */
function peakRss(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
