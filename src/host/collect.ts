/** Gives back what a burst of work left behind, where the runtime lets a program ask for it; elsewhere nothing happens. */

interface Collector {
  gc(synchronous: boolean): void;
  shrink(): void;
}

/** Stops this thread for some ten milliseconds: for moments when nothing is waiting. */
export function collectGarbage(): void {
  const bun = (globalThis as { Bun?: Partial<Collector> }).Bun;
  bun?.gc?.(true);
  bun?.shrink?.();
}

/**
 * How often a thread collects that never rests, ms. Left alone, JavaScriptCore counts the shared columns as each thread's own
 * (490 MB of mostly untouched pages) and lets as much garbage pile up beside them: 57 MB a minute at 4,000 checks/s. A
 * collection of the engine's few MB of objects takes 5 to 10 ms, which checks do not notice (engine/schedule.ts).
 */
export const COLLECT_EVERY_MS = 10_000;

/** For a thread with an event loop: collects every COLLECT_EVERY_MS until the answer is called. */
export function collectRegularly(): () => void {
  const timer = setInterval(collectGarbage, COLLECT_EVERY_MS);
  return () => clearInterval(timer);
}
