/** Counts who is down together, by the changes of state that everybody can see: since when the guard has to be suspect. */
import type { Plan } from "./plan.ts";

interface Scope {
  readonly size: number;
  readonly has: (index: number) => boolean;
  sinceMs: number;
}

const OPEN: ReadonlySet<string> = new Set(["down", "repairing", "verifying"]);

export class GuardJudge {
  readonly #plan: Plan;
  readonly #openedMs = new Map<number, number>();
  readonly #scopes: Scope[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    const { monitors } = plan;
    this.#scopes.push({ size: monitors.length, has: () => true, sinceMs: Infinity });
    for (const group of new Set(monitors.flatMap(({ groups }) => groups))) {
      const has = (index: number) => monitors[index]?.groups.includes(group) === true;
      this.#scopes.push({ size: monitors.filter((_, index) => has(index)).length, has, sinceMs: Infinity });
    }
  }

  /** `openedMs`: when its trouble began, for one that goes on after a restart. */
  changed(index: number, to: string, openedMs: number): void {
    if (!OPEN.has(to)) this.#openedMs.delete(index);
    else if (!this.#openedMs.has(index)) this.#openedMs.set(index, openedMs);
  }

  booted(): void {
    this.#openedMs.clear();
    for (const scope of this.#scopes) scope.sinceMs = Infinity;
  }

  /** Call it once a second. */
  look(nowMs: number): void {
    const { guard } = this.#plan;
    if (!guard.enabled || this.#openedMs.size < guard.downMin) {
      for (const scope of this.#scopes) scope.sinceMs = Infinity;
      return;
    }
    // The guard counts in parts of its window: what is at its edge may be out already.
    const fromMs = nowMs - guard.windowMs * (1 - 1 / 30) + 1000;
    for (const scope of this.#scopes) {
      let together = 0;
      for (const [index, ms] of this.#openedMs) if (ms > fromMs && scope.has(index)) together++;
      const threshold = Math.max(guard.downMin, Math.ceil(guard.downPct * scope.size));
      if (scope.size < guard.downMin || together < threshold) scope.sinceMs = Infinity;
      else if (scope.sinceMs === Infinity) scope.sinceMs = nowMs;
    }
  }

  /** Since when repairs of this monitor have to be held back; Infinity: they need not be. */
  guardedSinceMs(index: number): number {
    return Math.min(...this.#scopes.map((scope) => scope.has(index) ? scope.sinceMs : Infinity));
  }
}
