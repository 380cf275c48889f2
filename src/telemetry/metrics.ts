/**
 * The engine's end of the metrics: the engine thread is the only writer, the server reads the same cells without any
 * locking and may see a tick's increments half done, which no scrape can notice. Plain stores into a Float64Array: a
 * cell is one aligned 64-bit word, so it is never torn, and counts stay exact up to 2^53.
 *
 * Typical load: some 100,000 calls a second; a counter costs about 10 ns, a histogram 10 to 40 ns by the bucket it falls
 * in: indices only, no look-ups, no garbage. It does not read (metrics_view.ts) and does not format (exposition.ts).
 */
import { ALERT_OUTCOMES, INTERVENTION_DRY_RUN, INTERVENTION_OUTCOMES, SUPPRESSIONS } from "./metric_table.ts";
import { COLORS } from "../model/color.ts";
import { OUTCOMES } from "../model/outcome.ts";
import {
  CHANNEL_SLOTS,
  type MetricDimensions,
  type MetricLayout,
  metricLayout,
  OTHER_CHANNELS,
  SCOPE_SLOTS,
} from "./metric_layout.ts";

/** What another thread needs to read the cells; goes through postMessage. Take a new one after channels were added. */
export interface MetricsHandle {
  readonly buffer: SharedArrayBuffer;
  readonly dimensions: MetricDimensions;
  /** Labels of the channel slots in use, each once. */
  readonly channelSlots: readonly string[];
  /** Labels of the guard's scopes. */
  readonly scopeSlots: readonly string[];
}

export interface QueueGauges {
  readonly depth: number;
  readonly capacity: number;
  /** Totals since the start; they only grow. */
  readonly enqueued: number;
  readonly dequeued: number;
  readonly deferred: number;
}

export interface PoolGauges {
  readonly workers: number;
  readonly slots: number;
  readonly busy: number;
}

export interface SizingGauges {
  /** Jobs per second. */
  readonly arrivalRate: number;
  readonly serviceSeconds: number;
  readonly ca2: number;
  readonly cs2: number;
  readonly targetSlots: number;
  readonly targetWorkers: number;
  readonly waitP50Seconds: number;
  readonly waitP95Seconds: number;
  readonly waitP99Seconds: number;
  readonly sloSeconds: number;
}

export function createMetrics(dimensions: MetricDimensions): EngineMetrics {
  return new EngineMetrics(dimensions);
}

export class EngineMetrics {
  readonly #cells: Float64Array;
  readonly #buffer: SharedArrayBuffer;
  readonly #dimensions: MetricDimensions;
  readonly #at: MetricLayout["families"];
  readonly #channelSlots: string[] = [];
  readonly #scopeSlots: string[] = [];
  /** Channel index → slot; channels of one description share a slot, since a series may appear only once. */
  readonly #slotOfChannel: number[] = [];
  readonly #checks: number;
  readonly #checkDuration: Histogram;
  readonly #scheduleLag: Histogram;
  readonly #checkLatency: Histogram;
  readonly #queueWait: Histogram;
  readonly #interventionDuration: Histogram;
  readonly #alertDelay: Histogram;
  readonly #engineTick: Histogram;
  readonly #journalCommit: Histogram;

  constructor(dimensions: MetricDimensions) {
    const layout = metricLayout(dimensions);
    this.#buffer = layout.memory.allocate();
    this.#cells = layout.memory.attach(this.#buffer).cells;
    this.#dimensions = dimensions;
    this.#at = layout.families;
    const histogram = (name: keyof MetricLayout["families"]) => {
      const { offset, family } = layout.families[name];
      return new Histogram(this.#cells, offset, family.bucketsUs ?? []);
    };
    this.#checks = layout.families.checks.offset;
    this.#checkDuration = histogram("checkDuration");
    this.#scheduleLag = histogram("scheduleLag");
    this.#checkLatency = histogram("checkLatency");
    this.#queueWait = histogram("queueWait");
    this.#interventionDuration = histogram("interventionDuration");
    this.#alertDelay = histogram("alertDelay");
    this.#engineTick = histogram("engineTick");
    this.#journalCommit = histogram("journalCommit");
  }

  handle(): MetricsHandle {
    return {
      buffer: this.#buffer,
      dimensions: this.#dimensions,
      channelSlots: [...this.#channelSlots],
      scopeSlots: [...this.#scopeSlots],
    };
  }

  /** One per channel, in the order of the channels' indices; `description` goes out as a label: no secrets in it. */
  addChannel(description: string): void {
    let slot = this.#channelSlots.indexOf(description);
    if (slot < 0) {
      slot = Math.min(this.#channelSlots.length, CHANNEL_SLOTS - 1);
      this.#channelSlots[slot] = slot === CHANNEL_SLOTS - 1 ? OTHER_CHANNELS : description;
    }
    this.#slotOfChannel.push(slot);
  }

  /** Index for setGuard(); -1 when there is no room to show it. */
  addScope(name: string): number {
    return this.#scopeSlots.length < SCOPE_SLOTS ? this.#scopeSlots.push(name) - 1 : -1;
  }

  countCheck(probe: number, outcome: number, durationUs: number): void {
    (this.#cells[this.#checks + probe * OUTCOMES.length + outcome] as number)++;
    this.#checkDuration.observe(probe, durationUs);
  }

  countDue(checks: number): void {
    (this.#cells[this.#at.checksDue.offset] as number) += checks;
  }

  countMissed(): void {
    (this.#cells[this.#at.checksMissed.offset] as number)++;
  }

  observeLag(us: number): void {
    this.#scheduleLag.observe(0, us);
  }

  observeCheckLatency(us: number): void {
    this.#checkLatency.observe(0, us);
  }

  observeQueueWait(pipeline: number, us: number): void {
    this.#queueWait.observe(pipeline, us);
  }

  /** Also the engine's heartbeat: /healthz fails when none came for some seconds. */
  observeTick(us: number): void {
    this.#engineTick.observe(0, us);
  }

  countLateResult(): void {
    (this.#cells[this.#at.lateResults.offset] as number)++;
  }

  /** Monitors enter (+), leave (−) or change state (− there, + here). */
  addMonitors(state: number, change: number): void {
    (this.#cells[this.#at.monitors.offset + state] as number) += change;
  }

  countIntervention(remedy: number, outcome: number, durationUs: number): void {
    (this
      .#cells[this.#at.interventions.offset + remedy * INTERVENTION_OUTCOMES.length + outcome] as number)++;
    this.#interventionDuration.observe(remedy, durationUs);
  }

  /** One attempt to deliver; `channel` is the channel's index, as addChannel() was called. */
  countAlert(channel: number, color: number, outcome: number): void {
    const slot = this.#slotOfChannel[channel] ?? CHANNEL_SLOTS - 1;
    const series = (slot * COLORS.length + color) * ALERT_OUTCOMES.length + outcome;
    (this.#cells[this.#at.alerts.offset + series] as number)++;
  }

  /** State of the channel's breaker, see breaker.ts. */
  setBreaker(channel: number, state: number): void {
    const slot = this.#slotOfChannel[channel] ?? CHANNEL_SLOTS - 1;
    this.#cells[this.#at.channelBreaker.offset + slot] = state;
  }

  observeAlertDelay(us: number): void {
    this.#alertDelay.observe(0, us);
  }

  setAlertsPending(count: number): void {
    this.#cells[this.#at.alertsPending.offset] = count;
  }

  incidentOpened(): void {
    (this.#cells[this.#at.incidents.offset] as number)++;
    (this.#cells[this.#at.incidentsOpen.offset] as number)++;
  }

  /** Opened by an earlier process. */
  incidentRestored(): void {
    (this.#cells[this.#at.incidentsOpen.offset] as number)++;
  }

  setAlertsAccount(
    account: Readonly<
      Record<"created" | "coalesced" | "silenced" | "deadLettered" | "unaccounted", number>
    >,
  ): void {
    this.#cells[this.#at.alertsCoalesced.offset] = account.coalesced;
    this.#cells[this.#at.alertsSilenced.offset] = account.silenced;
    this.#cells[this.#at.alertsCreated.offset] = account.created;
    this.#cells[this.#at.alertsDead.offset] = account.deadLettered;
    this.#cells[this.#at.alertsUnaccounted.offset] = account.unaccounted;
  }

  setDigestsOpen(digests: number): void {
    this.#cells[this.#at.digestsOpen.offset] = digests;
  }

  setJournalHealthy(healthy: boolean): void {
    this.#cells[this.#at.journalHealthy.offset] = healthy ? 1 : 0;
  }

  countJournalCommit(us: number): void {
    (this.#cells[this.#at.journalCommits.offset] as number)++;
    this.#journalCommit.observe(0, us);
  }

  incidentClosed(): void {
    (this.#cells[this.#at.incidentsOpen.offset] as number)--;
  }

  countDryRun(remedy: number): void {
    const series = remedy * INTERVENTION_OUTCOMES.length + INTERVENTION_DRY_RUN;
    (this.#cells[this.#at.interventions.offset + series] as number)++;
  }

  setFrozen(frozen: boolean): void {
    this.#cells[this.#at.frozen.offset] = frozen ? 1 : 0;
  }

  setRepairsWaiting(count: number): void {
    this.#cells[this.#at.repairsWaiting.offset] = count;
  }

  countHeld(reason: number): void {
    (this.#cells[this.#at.repairsHeld.offset + reason] as number)++;
  }

  /** `scope` from addScope(). */
  setGuard(scope: number, state: number): void {
    if (scope >= 0) this.#cells[this.#at.guard.offset + scope] = state;
  }

  countGuardTrip(cause: number): void {
    (this.#cells[this.#at.guardTrips.offset + cause] as number)++;
  }

  countSuppressed(color: number, reason: number): void {
    (this.#cells[this.#at.alertsSuppressed.offset + color * SUPPRESSIONS.length + reason] as number)++;
  }

  /** 1 passes, 0 fails, -1 tells nothing. */
  setCanary(canary: number, value: number): void {
    this.#cells[this.#at.canary.offset + canary] = value;
  }

  countWorkerRestart(pipeline: number): void {
    (this.#cells[this.#at.workerRestarts.offset + pipeline] as number)++;
  }

  countRequeued(pipeline: number, jobs: number): void {
    (this.#cells[this.#at.jobsRequeued.offset + pipeline] as number) += jobs;
  }

  setQueue(pipeline: number, queue: QueueGauges): void {
    this.#cells[this.#at.queueDepth.offset + pipeline] = queue.depth;
    this.#cells[this.#at.queueCapacity.offset + pipeline] = queue.capacity;
    this.#cells[this.#at.enqueued.offset + pipeline] = queue.enqueued;
    this.#cells[this.#at.dequeued.offset + pipeline] = queue.dequeued;
    this.#cells[this.#at.deferred.offset + pipeline] = queue.deferred;
  }

  setPool(pipeline: number, pool: PoolGauges): void {
    this.#cells[this.#at.workers.offset + pipeline] = pool.workers;
    this.#cells[this.#at.slots.offset + pipeline] = pool.slots;
    this.#cells[this.#at.busy.offset + pipeline] = pool.busy;
  }

  setSizing(pipeline: number, sizing: SizingGauges): void {
    this.#cells[this.#at.arrivalRate.offset + pipeline] = sizing.arrivalRate;
    this.#cells[this.#at.serviceSeconds.offset + pipeline] = sizing.serviceSeconds;
    this.#cells[this.#at.ca2.offset + pipeline] = sizing.ca2;
    this.#cells[this.#at.cs2.offset + pipeline] = sizing.cs2;
    this.#cells[this.#at.targetSlots.offset + pipeline] = sizing.targetSlots;
    this.#cells[this.#at.targetWorkers.offset + pipeline] = sizing.targetWorkers;
    this.#cells[this.#at.slo.offset + pipeline] = sizing.sloSeconds;
    const { offset, sizes } = this.#at.predictedWait;
    const wait = offset + pipeline * (sizes[1] as number);
    this.#cells[wait] = sizing.waitP50Seconds;
    this.#cells[wait + 1] = sizing.waitP95Seconds;
    this.#cells[wait + 2] = sizing.waitP99Seconds;
  }
}

/** The series of one histogram family. A linear search beats a binary one here: most values fall in the first buckets. */
class Histogram {
  readonly #cells: Float64Array;
  readonly #offset: number;
  readonly #bounds: Float64Array;

  constructor(cells: Float64Array, offset: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.#offset = offset;
    this.#bounds = Float64Array.from(bounds);
  }

  observe(series: number, us: number): void {
    const bounds = this.#bounds;
    const start = this.#offset + series * (bounds.length + 2);
    let bucket = 0;
    while (bucket < bounds.length && us > (bounds[bucket] as number)) bucket++;
    (this.#cells[start + bucket] as number)++;
    (this.#cells[start + bounds.length + 1] as number) += us;
  }
}
