/** Drives the engine: ticks about every 2 ms while there is work, sleeps until something is due or a worker calls otherwise. */
import type { EngineWake } from "../shm/wake.ts";
import type { Engine } from "./engine.ts";
import { TICK_MS } from "./schedule.ts";

export interface RunLoop {
  /** Ends after the tick that is under way. */
  stop(): void;
  readonly ended: Promise<void>;
}

export function startLoop(
  engine: Engine,
  options: { readonly wake: EngineWake; readonly afterTick: () => void },
): RunLoop {
  let stopped = false;
  // A sleep on shared memory alone keeps no runtime alive: when the last worker has ended, this does.
  const alive = setInterval(() => {}, 60_000);
  const run = async () => {
    while (!stopped) {
      const idleMs = engine.tick();
      options.afterTick();
      // Short sleeps are plain: under load a wake-up per result would cost more than it gains.
      if (idleMs <= TICK_MS) await new Promise((resolve) => setTimeout(resolve, idleMs));
      else await options.wake.sleep(idleMs, () => stopped || engine.hasNews());
    }
    clearInterval(alive);
  };
  return {
    stop() {
      stopped = true;
      options.wake.wake();
    },
    ended: run(),
  };
}
