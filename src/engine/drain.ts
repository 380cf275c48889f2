/** The end of an engine: what is under way may finish, within limits. */
import type { Clock } from "../base/clock.ts";
import type { EngineWake } from "../shm/wake.ts";
import type { Engine } from "./engine.ts";

const WORKERS_STOP_MS = 1500;
/** Longest wait for deliveries under way whose alerts are on disk. */
const DURABLE_SENDS_MS = 5000;

export interface Drain {
  readonly engine: Engine;
  readonly wake: EngineWake;
  readonly clock: Clock;
  readonly checksMs: number;
  readonly sendsMs: number;
  /** Everything that was decided is on disk. */
  readonly durable: () => boolean;
}

/**
 * No new checks; those that run may finish, then repairs and alerts, then the workers. True when all of it did in time. For
 * alerts that are on disk nobody waits but for what could be delivered right now: the next start goes on with them.
 */
export async function drain({ engine, wake, clock, checksMs, sendsMs, durable }: Drain): Promise<boolean> {
  const until = async (done: () => boolean, limitMs: number): Promise<boolean> => {
    const endMs = clock.monoMs() + limitMs;
    while (!done()) {
      if (clock.monoMs() >= endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return true;
  };
  engine.stopChecks();
  wake.wake();
  const checked = await until(() => engine.checksOut === 0, checksMs);
  const patientUntilMs = clock.monoMs() + DURABLE_SENDS_MS;
  const safe = () =>
    durable() && (!engine.working || (!engine.repairing && clock.monoMs() >= patientUntilMs));
  const sent = await until(() => !engine.busy || safe(), sendsMs);
  engine.drainWorkers();
  await until(() => engine.workersAlive === 0, WORKERS_STOP_MS);
  return checked && sent;
}
