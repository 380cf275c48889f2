/**
 * What a fleet asks of the three pipelines before anything was measured: the sizing's first assumptions, for a run, the
 * demo and `cpra plan`. Checks follow from the intervals. Repairs and alerts follow from an assumption, stated here:
 * one monitor in a hundred changes its state within five minutes.
 */
import { type Lane, LANES } from "../lanes/lane.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import { type MonitorRows, ROW, ROW_WORDS } from "../model/monitor_rows.ts";
import type { Registries } from "../model/plugin.ts";
import { suitsRaw } from "../probes/raw_engine.ts";
import type { Settings } from "../manifest/settings.ts";
import type { Prior } from "../sizing/plan.ts";

export const ASSUMED_CHANGING = 0.01;
export const ASSUMED_WITHIN_MS = 300_000;

/** CPU time of one job on the runtime's event loop, ms: about 0.1 for a socket; starting a process costs far more. */
const CPU_MS: Readonly<Record<string, number>> = { script: 2 };
const CPU_MS_OTHERWISE = 0.1;
/** On the raw engine, nearly all of it in the kernel. */
const CPU_MS_RAW = 0.05;
/** As a run has it. */
const RAW_ABILITIES = { names: true };

export interface FleetLoad {
  add(spec: MonitorSpec): void;
  /** As add(), for the enabled ones of the first `count` rows. */
  addRows(rows: MonitorRows, count: number): void;
  /** All of it, as plain JSON, and back. */
  save(): FleetImage;
  restore(image: FleetImage): void;
  readonly monitors: number;
  /** Monitors per kind of probe, in order of first appearance. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Most descriptors that one check of this fleet holds. */
  readonly descriptorsPerCheck: number;
  /** `raw`: checks that can run on the raw engine do; otherwise all of them are the pulse lane's. */
  priors(settings: Settings, raw: boolean): Readonly<Record<Lane, Prior>>;
}

export interface FleetImage {
  readonly monitors: number;
  readonly kinds: readonly (readonly [kind: string, monitors: number])[];
  readonly descriptorsPerCheck: number;
  readonly sums: Readonly<Record<Lane, Readonly<Sum>>>;
  readonly allChecks: Readonly<Sum>;
}

/** Sums that give a mean per job: rate-weighted, jobs/s in `rate`. */
interface Sum {
  rate: number;
  serviceMs: number;
  cpuMs: number;
}

export function createFleetLoad(registries: Registries): FleetLoad {
  const probes = new Map(registries.probes.map((probe) => [probe.kind, probe]));
  const remedies = new Map(registries.remedies.map((remedy) => [remedy.kind, remedy]));
  const notifiers = new Map(registries.notifiers.map((notifier) => [notifier.kind, notifier]));
  const kinds = new Map<string, number>();
  const sums: Record<Lane, Sum> = { pulse: noSum(), intervention: noSum(), code: noSum(), hosted: noSum() };
  /** As if nothing ran raw. */
  const allChecks = noSum();
  let monitors = 0;
  let descriptorsPerCheck = 1;

  const addTimes = (spec: MonitorSpec, times: number, raw: boolean): void => {
    monitors += times;
    const { kind } = spec.probe;
    const probe = probes.get(kind);
    kinds.set(kind, (kinds.get(kind) ?? 0) + times);
    descriptorsPerCheck = Math.max(descriptorsPerCheck, probe?.descriptors ?? 1);
    const check = { perSecond: times * 1000 / spec.intervalMs, kind, estimateMs: probe?.estimateMs ?? 0 };
    addTo(allChecks, check);
    if (raw) addTo(sums.pulse, { ...check, cpuMs: CPU_MS_RAW });
    else addTo(sums.hosted, check);
    const changes = (times * ASSUMED_CHANGING * 1000) / ASSUMED_WITHIN_MS;
    if (spec.remedy !== undefined) {
      const estimateMs = remedies.get(spec.remedy.kind)?.estimateMs ?? 0;
      addTo(sums.intervention, { perSecond: changes, kind: spec.remedy.kind, estimateMs });
    }
    for (const code of Object.values(spec.codes)) {
      for (const channel of code.dispatch === "never" ? [] : code.channels) {
        const estimateMs = notifiers.get(channel.kind)?.estimateMs ?? 0;
        addTo(sums.code, { perSecond: changes, kind: channel.kind, estimateMs });
      }
    }
  };

  return {
    kinds,
    get monitors() {
      return monitors;
    },
    get descriptorsPerCheck() {
      return descriptorsPerCheck;
    },
    add: (spec) => addTimes(spec, 1, suitsRaw(registries.probes, spec.probe, RAW_ABILITIES)),
    save: () => ({ monitors, kinds: [...kinds], descriptorsPerCheck, sums, allChecks }),
    restore(image) {
      monitors = image.monitors;
      descriptorsPerCheck = image.descriptorsPerCheck;
      for (const [kind, count] of image.kinds) kinds.set(kind, count);
      for (const lane of LANES) Object.assign(sums[lane], image.sums[lane]);
      Object.assign(allChecks, image.allChecks);
    },
    addRows(rows, count) {
      for (const [index, { times, sampled, raw }] of shareOfRaw(rows, count, registries).entries()) {
        const spec = rows.specs[index] as MonitorSpec;
        if (!spec.enabled || times === 0) continue;
        const rawTimes = Math.round(times * raw / sampled);
        if (rawTimes > 0) addTimes(spec, rawTimes, true);
        if (rawTimes < times) addTimes(spec, times - rawTimes, false);
      }
    },
    priors: (settings, raw) => ({
      pulse: priorOf(raw ? sums.pulse : allChecks, settings.pipelines.pulse.sizingServiceTimeMs),
      hosted: priorOf(raw ? sums.hosted : noSum(), settings.pipelines.pulse.sizingServiceTimeMs),
      intervention: priorOf(sums.intervention, settings.pipelines.intervention.sizingServiceTimeMs),
      code: priorOf(sums.code, settings.pipelines.code.sizingServiceTimeMs),
    }),
  };
}

/** Every so many rows of one spec the target is looked at, the first always: 1 µs each would be a second for a million. */
const SAMPLED = 64;

/** Per spec: its rows, and of some of them how many can run raw, which only a row's own target tells. */
function shareOfRaw(
  rows: MonitorRows,
  count: number,
  { probes }: Registries,
): readonly { readonly times: number; readonly sampled: number; readonly raw: number }[] {
  const shares = rows.specs.map(() => ({ times: 0, sampled: 0, raw: 0 }));
  let at = 0;
  for (let base = 0; base < count * ROW_WORDS; base += ROW_WORDS) {
    const word = (place: number) => rows.words[base + place] as number;
    const share = shares[word(ROW.spec)] as typeof shares[number];
    if (share.times++ % SAMPLED === 0) {
      const { probe } = rows.specs[word(ROW.spec)] as MonitorSpec;
      const from = at + word(ROW.nameBytes);
      const target = DECODER.decode(rows.bytes.subarray(from, from + word(ROW.targetBytes)));
      share.sampled++;
      if (suitsRaw(probes, { ...probe, target }, RAW_ABILITIES)) share.raw++;
    }
    at += word(ROW.nameBytes) + word(ROW.targetBytes) + word(ROW.remedyTargetBytes) +
      word(ROW.attributesBytes);
  }
  return shares;
}

const DECODER = new TextDecoder();

function noSum(): Sum {
  return { rate: 0, serviceMs: 0, cpuMs: 0 };
}

function addTo(
  sum: Sum,
  job: {
    readonly perSecond: number;
    readonly kind: string;
    readonly estimateMs: number;
    readonly cpuMs?: number;
  },
): void {
  sum.rate += job.perSecond;
  sum.serviceMs += job.perSecond * job.estimateMs;
  sum.cpuMs += job.perSecond * (job.cpuMs ?? CPU_MS[job.kind] ?? CPU_MS_OTHERWISE);
}

/** Arrivals and services are taken as Poisson and exponential until their variability is known. */
function priorOf(sum: Sum, serviceTimeMs: number | null): Prior {
  const mean = (total: number) => sum.rate === 0 ? 0 : total / sum.rate;
  return {
    arrivalsPerSecond: sum.rate,
    serviceMs: serviceTimeMs ?? mean(sum.serviceMs),
    cpuMs: mean(sum.cpuMs),
    ca2: 1,
    cs2: 1,
  };
}
