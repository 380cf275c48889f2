/**
 * The worker's side of a lane: takes jobs from its ring, keeps at most `slotLimit` of them running on the thread's event
 * loop, puts results back and wakes the engine. Typical load: up to some thousand jobs a second, hundreds in flight.
 * It knows nothing of probes, remedies or notifiers: `execute` does the work and never rejects.
 *
 * A stop is cooperative: no new jobs are taken from then on, running ones finish, the phase becomes `drained`.
 * Jobs that were in the ring but never taken stay out at this worker; the engine gives them to another.
 */
import { emptyJob, emptyResult, type JobFields } from "../shm/records.ts";
import type { WorkerEnd } from "../shm/worker_end.ts";

/** What `execute` fills in; slot, row, generation, times and CPU are the lane's. */
export interface Execution {
  outcome: number;
  reason: number;
  attempts: number;
  value: number;
  dnsUs: number;
  connectUs: number;
  firstByteUs: number;
  aux0: number;
  aux1: number;
  text: Uint8Array | undefined;
}

export interface LaneOptions {
  readonly end: WorkerEnd;
  /** Tells the engine that results wait for it. */
  readonly wakeEngine: () => void;
  /** Engine time in µs, low 32 bits. */
  readonly engineUs: () => number;
  /** CPU time this thread has used so far, µs; counts up only. */
  readonly threadCpuUs: () => number;
  /** Runs one job to its end; `payload` is the job's text, valid only until the first await. */
  readonly execute: (job: Readonly<JobFields>, payload: Uint8Array) => Promise<Execution>;
}

/** Upper bound of a sleep, so that the heartbeat stays fresh on an idle worker. */
const BEAT_MS = 200;

/** Resolves when the lane was asked to stop and its last job has ended. */
export async function runLane(options: LaneOptions): Promise<void> {
  const { end } = options;
  const taken = emptyJob();
  const result = emptyResult();
  let inFlight = 0;
  let reportedCpuUs = options.threadCpuUs();
  let slotFreed: (() => void) | undefined;

  const finish = (job: JobFields, startUs: number, done: Execution) => {
    const cpuUs = options.threadCpuUs();
    result.slot = job.slot;
    result.outcome = done.outcome;
    result.reason = done.reason;
    result.attempts = done.attempts;
    result.value = done.value;
    result.waitUs = sinceUs(job.sentUs, startUs);
    result.serviceUs = sinceUs(startUs, options.engineUs());
    result.dnsUs = done.dnsUs;
    result.connectUs = done.connectUs;
    result.firstByteUs = done.firstByteUs;
    result.cpuUs = Math.max(0, Math.round(cpuUs - reportedCpuUs));
    result.aux0 = done.aux0;
    result.aux1 = done.aux1;
    reportedCpuUs = cpuUs;
    end.complete(result, done.text);
    inFlight--;
    options.wakeEngine();
    fill();
    slotFreed?.();
  };

  const fill = () => {
    while (inFlight < end.slotLimit && !end.stopRequested && end.take(taken)) {
      const job = { ...taken };
      const startUs = options.engineUs();
      inFlight++;
      options.execute(job, end.jobText(job.slot, job.textBytes)).then((done) => finish(job, startUs, done));
    }
  };

  end.setPhase("running");
  while (!end.stopRequested) {
    end.beat();
    fill();
    if (inFlight < end.slotLimit) await end.waitForJobs(BEAT_MS);
    else await bounded(BEAT_MS, (resolve) => slotFreed = resolve);
  }
  end.setPhase("draining");
  while (inFlight > 0) {
    end.beat();
    await bounded(BEAT_MS, (resolve) => slotFreed = resolve);
  }
  end.setPhase("drained");
  options.wakeEngine();
}

/** Settles when what was registered is called, after `ms` at the latest. */
function bounded(ms: number, register: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    register(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Unsigned difference of two low-32-bit µs clocks; a small negative one (clock offset error) counts as 0. */
function sinceUs(fromUs: number, toUs: number): number {
  const difference = (toUs - fromUs) | 0;
  return difference > 0 ? difference : 0;
}
