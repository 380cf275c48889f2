/** Puts the parts of the engine together: what one asks of another is a function given here. */
import { CODE, HOSTED, INTERVENTION, type Lane, LANES, PULSE } from "../lanes/lane.ts";
import { channelIdentity } from "../model/channel_identity.ts";
import { NOTHING_RESTORED } from "../model/journal_record.ts";
import type { JobRequest } from "../shm/records.ts";
import { Acts } from "./acts.ts";
import { AlertControl } from "./alert_control.ts";
import { type Breaker, BREAKER_CLOSED, BREAKER_OPEN } from "./breaker.ts";
import { Checks } from "./checks.ts";
import { DueHeap } from "./due_heap.ts";
import type { EngineOptions } from "./engine_options.ts";
import { createIncidents, type Incidents } from "./incidents.ts";
import { Ledger } from "./ledger.ts";
import { Judges } from "./judges.ts";
import { MonitorLife, type Timer } from "./monitor_life.ts";
import type { Offer } from "./queue.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { Pipeline } from "./pipeline.ts";
import { Protection } from "./protection.ts";
import type { RestoreOptions } from "./restore.ts";
import { Schedule } from "./schedule.ts";
import { Sizer } from "./sizer.ts";
import { Wheel } from "./wheel.ts";

export interface EngineParts {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  readonly schedule: Schedule;
  readonly timers: DueHeap<Timer>;
  readonly incidents: Incidents;
  readonly life: MonitorLife;
  readonly checks: Checks;
  readonly judges: Judges;
  readonly acts: Acts;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly protection: Protection;
  readonly restoring: RestoreOptions;
  /** Identities of the world's channels, by index; the parts that use them hold this one list. */
  readonly channelIds: string[];
  readonly control: AlertControl;
}

type Guts = Pick<EngineParts, "schedule" | "timers" | "incidents" | "outbox" | "ledger" | "channelIds">;

export function wireEngine(options: EngineOptions): EngineParts {
  const guts = createGuts(options, (row) => acts.desk.holds(row));
  const pipelines: Pipeline[] = [];
  const offer = (lane: number, job: JobRequest, payload?: Uint8Array) =>
    (pipelines[lane] as Pipeline).offer(job, payload);
  // Each of these is called only once all of them are there.
  const protection: Protection = wireProtection(options, guts, {
    life: () => life,
    checks: () => checks,
    acts: () => acts,
  });
  const life: MonitorLife = wireLife(options, guts, { protection, acts: () => acts });
  const judges = new Judges({
    ...options,
    judged: options.judged ?? [],
    store: guts.ledger,
    stored: options.restored?.facts ?? [],
  });
  const checks = new Checks({
    ...options,
    judges,
    life,
    schedule: guts.schedule,
    kinds: options.probeKinds,
    runsOnPulse: options.runsOnPulse ?? (() => true),
    offer,
    guards: protection,
  });
  const acts: Acts = new Acts({
    ...options,
    ...guts,
    life,
    guards: protection,
    digest: options.delivery.digest,
    keptBack: (row) => protection.keepsBack(row),
    offerRepair: (job, payload) => offerRepair(pipelines[INTERVENTION] as Pipeline, job, payload),
    offerAlert: (job, payload) => offer(CODE, job, payload),
    repairEnded: (row) => checks.repairEnded(row),
  });
  acts.desk.restore(options.restored?.facts ?? []);
  for (const lane of LANES) pipelines.push(createPipeline(lane, options, { checks, acts }));
  const sizers = LANES.map((lane, index) =>
    new Sizer({ ...options, pipeline: pipelines[index] as Pipeline, settings: options.settings[lane] })
  );
  const restoring: RestoreOptions = { ...options, ...guts, life, guards: protection };
  const control = new AlertControl({
    ...options,
    ...guts,
    silences: protection.silences,
    announce: (announcement) => acts.announce(announcement),
  });
  return { ...guts, pipelines, sizers, life, checks, judges, acts, protection, restoring, control };
}

function createGuts(
  { world, clock, random, journal, restored, newIncidentId, metrics, log }: EngineOptions,
  holds: (row: number) => boolean,
): Guts {
  const channelIds = world.channels.map(channelIdentity);
  const { wheelNext, wheelPrevious, due } = world.columns;
  const wheel = new Wheel({ next: wheelNext, previous: wheelPrevious, due }, { startTick: 0 });
  const incidents = createIncidents(newIncidentId);
  const breakerChanged = (channel: number, { state, failures }: Readonly<Breaker>) => {
    metrics.setBreaker(channel, state);
    const words = { channel: world.channels[channel]?.kind ?? "", failures };
    if (state === BREAKER_OPEN) {
      log.warn("A channel fails: one alert at a time is tried, the others wait", words);
    }
    if (state === BREAKER_CLOSED) log.info("A channel works again", words);
  };
  const { lastAlertId, facts } = restored ?? NOTHING_RESTORED;
  return {
    schedule: new Schedule({ world, wheel, clock }),
    timers: new DueHeap<Timer>(),
    incidents,
    outbox: createOutbox({ channels: world.channels.length, random, lastId: lastAlertId, breakerChanged }),
    ledger: new Ledger({ world, incidents, clock, journal, facts, channelIds, holds }),
    channelIds,
  };
}

/** Parts that are made later. */
interface Later {
  readonly life: () => MonitorLife;
  readonly checks: () => Checks;
  readonly acts: () => Acts;
}

function wireProtection(options: EngineOptions, { incidents, ledger }: Guts, later: Later): Protection {
  return new Protection({
    ...options,
    ...options.protection,
    incidents,
    checkNow: (row) => later.checks().checkNow(row),
    apply: (row, event) => later.life().apply(row, event),
    tell: (row, color) => later.life().tell(row, color),
    announce: (announcement) => later.acts().announce(announcement),
    flapping: options.delivery.flapping,
    suppressed: (row, color, reason) => later.acts().desk.suppressed(row, color, reason),
    resumed: (row, incident) => later.acts().desk.resumed(row, incident),
    stored: options.restored?.facts ?? [],
    store: ledger,
  });
}

function wireLife(
  options: EngineOptions,
  { incidents, timers, ledger }: Guts,
  { protection, acts }: { readonly protection: Protection; readonly acts: () => Acts },
): MonitorLife {
  return new MonitorLife({
    ...options,
    guards: protection,
    incidents,
    timers,
    observe: (event) => {
      ledger.observe(event);
      if (event.closed && event.incident !== undefined) acts().desk.closed(event.row, event.incident);
      options.observe(event);
    },
    decide: (verdict) => acts().decide(verdict),
    touch: (row) => ledger.touch(row),
  });
}

function createPipeline(
  lane: Lane,
  { settings, spawn, log }: EngineOptions,
  { checks, acts }: { readonly checks: Checks; readonly acts: Acts },
): Pipeline {
  return new Pipeline({
    lane,
    settings: settings[lane],
    spawn,
    log,
    onResult: (result, text) => {
      if (lane === "pulse") checks.collect(PULSE, result, text);
      else if (lane === "hosted") checks.collect(HOSTED, result, text);
      else if (lane === "intervention") acts.repairs.result(result, text);
      else acts.deliveries.result(result, text);
    },
    onOrphan: (job, payload, lost) => {
      if (lane === "pulse" || lane === "hosted") checks.orphaned(job, lost);
      else if (lane === "intervention") acts.repairs.orphaned(job, payload, lost);
      else acts.deliveries.orphaned(job);
    },
  });
}

/** Only what can begin at once leaves the engine: a repair in a queue could not be called back. */
function offerRepair(pipeline: Pipeline, job: JobRequest, payload: Uint8Array): Offer {
  return pipeline.out < pipeline.pool.slots ? pipeline.offer(job, payload) : "deferred";
}
