/** Shows the demo's view: redrawn in place on a terminal, one summary line every few seconds in a file or a pipe. */
import { type DemoSnapshot, type FrameSize, renderDemo, summarizeDemo } from "./demo_view.ts";
import { aborted } from "./signals.ts";

export interface DemoTerminal extends FrameSize {
  /** False: a file or a pipe, which gets summary lines. */
  readonly live: boolean;
  readonly color: boolean;
  write(text: string): void;
}

const REDRAW_MS = 500;
const SUMMARY_MS = 5000;

/** Standard output as it is now; read anew for every frame, so that a resized window is filled. */
export function processTerminal(): DemoTerminal {
  const { stdout } = process;
  const live = stdout.isTTY === true;
  return {
    live,
    // https://no-color.org: present and not empty.
    color: live && !process.env["NO_COLOR"],
    columns: stdout.columns ?? 80,
    rows: stdout.rows ?? 24,
    write: (text) => void stdout.write(text),
  };
}

/** Shows snapshots until the signal fires, then once more; on a terminal the cursor is back below the last frame. */
export async function showDemo(
  source: { readonly snapshot: () => DemoSnapshot; readonly terminal: () => DemoTerminal },
  signal: AbortSignal,
): Promise<void> {
  const { live } = source.terminal();
  const draw = () => {
    const terminal = source.terminal();
    const snapshot = source.snapshot();
    terminal.write(live ? liveFrame(snapshot, terminal) : `${summarizeDemo(snapshot)}\n`);
  };
  draw();
  const timer = setInterval(draw, live ? REDRAW_MS : SUMMARY_MS);
  await aborted(signal);
  clearInterval(timer);
  draw();
  if (live) source.terminal().write("\n\x1b[?25h");
}

/** Cursor hidden and home; each line clears its rest, the last one what is below: no flicker, no leftovers. */
function liveFrame(snapshot: DemoSnapshot, terminal: DemoTerminal): string {
  const lines = renderDemo(snapshot, terminal, terminal.color);
  return `\x1b[?25l\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\n")}\x1b[J`;
}
