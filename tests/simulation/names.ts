/** Monitors of the simulation are m0, m1, …; anything else is no monitor: -1. */
export function monitorIndex(name: string): number {
  return name.startsWith("m") ? Number(name.slice(1)) : -1;
}
