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
