// deno-lint-ignore-file camelcase -- keys as the manifest spells them
/**
 * The application's settings: `settings:` in a manifest, the file of `--config`, and flags, in rising order. Written in
 * snake_case; the keys of a pipeline may stand at the top (for all three) or in a block named after the pipeline.
 */
import { bytesField, durationField } from "../base/fields.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../base/log.ts";
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import { NAMES_FIELD, resolveNames } from "./names_settings.ts";
import { DIGEST_FIELD, FLAPPING_FIELD, resolveDigest, resolveFlapping } from "./delivery_settings.ts";
import { GUARD_FIELD, REMEDIATION_FIELD, resolveGuard, resolveRemediation } from "./protection_settings.ts";
import { inputJsonSchema } from "./schema_keys.ts";
import type { Shape } from "./shapes.ts";

const PIPELINES = ["pulse", "intervention", "code"] as const;
export type Pipeline = typeof PIPELINES[number];

/** `ring`: fixed, full = deferred. `hybrid`: a ring with an overflow. `adaptive`: grows and shrinks. */
export const QUEUE_KINDS = ["ring", "hybrid", "adaptive"] as const;
export type QueueKind = typeof QUEUE_KINDS[number];

export interface PipelineSettings {
  /** Threads. */
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /** Jobs in flight, over all threads. */
  readonly minSlots: number;
  readonly maxSlots: number;
  readonly queue: QueueKind;
  /** Records of the queue of one worker; a power of two. */
  readonly queueCapacity: number;
  /** Most jobs handed over in one step. */
  readonly batchSize: number;
  /** Service time assumed until it is measured; null: each plug-in's own estimate. */
  readonly sizingServiceTimeMs: number | null;
  /** P95 of the time from due to begun. */
  readonly sizingSloMs: number;
  /** 0.15 = 15 % more than needed. */
  readonly sizingHeadroomPct: number;
}

export interface Settings {
  readonly debug: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Rows allocated at boot; memory is used by the rows that are filled. */
  readonly maxMonitors: number;
  /** A further `host:port` for metrics, health, API and page; null = none. */
  readonly listen: string | null;
  readonly pprof: boolean;
  readonly pprofAddr: string;
  /** Bearer token; null = none (then only loopback addresses are served). */
  readonly token: string | null;
  /** Directory that outlives the process; "memory": none; null: what the environment says. */
  readonly state: string | null;
  /** From the first signal to the exit. */
  readonly shutdownTimeoutMs: number;
  /** An address that is asked as long as all is well; null = none. */
  readonly heartbeat: { readonly url: string; readonly intervalMs: number } | null;
  /** What the journal keeps of what is over. */
  readonly journal: { readonly retentionMs: number; readonly rows: number };
  /** Limits of this process's memory, bytes; null = none. */
  readonly memory: { readonly softBytes: number | null; readonly hardBytes: number | null };
  readonly pipelines: Readonly<Record<Pipeline, PipelineSettings>>;
  readonly remediation: ReturnType<typeof resolveRemediation>;
  readonly guard: ReturnType<typeof resolveGuard>;
  readonly digest: ReturnType<typeof resolveDigest>;
  readonly names: ReturnType<typeof resolveNames>;
  readonly flapping: ReturnType<typeof resolveFlapping>;
}

const POWER_OF_TWO = z.number().int().min(16).max(1 << 22).refine((value) => (value & (value - 1)) === 0, {
  error: "expected a power of two, such as 16384",
});
const ADDRESS = z.string().refine((value) => {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:[\]]*):(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}, { error: 'expected an address such as "localhost:6060" or "[::1]:6060"' });

const PIPELINE_FIELDS = {
  min_workers: z.number().int().min(1).max(1024).optional(),
  max_workers: z.number().int().min(1).max(1024).optional(),
  min_slots: z.number().int().min(1).max(100_000).optional(),
  max_slots: z.number().int().min(1).max(100_000).optional(),
  queue: z.enum(QUEUE_KINDS).optional(),
  queue_capacity: POWER_OF_TWO.optional(),
  batch_size: z.number().int().min(1).max(1_000_000).optional(),
  sizing_service_time: durationField().optional(),
  sizing_slo: durationField().optional(),
  sizing_headroom_pct: z.number().min(0).max(10).optional(),
};
const PIPELINE = z.strictObject(PIPELINE_FIELDS);

const SETTINGS = z.strictObject({
  debug: z.boolean().optional(),
  log_level: z.enum(LOG_LEVELS).optional(),
  log_format: z.enum(LOG_FORMATS).optional(),
  max_monitors: z.number().int().min(1).max(1 << 23).optional(),
  listen: ADDRESS.optional(),
  pprof: z.boolean().optional(),
  pprof_addr: ADDRESS.optional(),
  token: z.string().min(16).optional(),
  state: z.string().min(1).optional(),
  shutdown_timeout: durationField().optional(),
  heartbeat: z.strictObject({ url: httpUrlField(), interval: durationField().optional() }).optional(),
  journal: z.strictObject({
    retention: durationField().optional(),
    rows: z.number().int().min(1000).max(100_000_000).optional(),
  }).optional(),
  memory: z.strictObject({ soft: bytesField().optional(), hard: bytesField().optional() }).optional(),
  ...PIPELINE_FIELDS,
  pulse: PIPELINE.optional(),
  intervention: PIPELINE.optional(),
  code: PIPELINE.optional(),
  remediation: REMEDIATION_FIELD.optional(),
  guard: GUARD_FIELD.optional(),
  digest: DIGEST_FIELD.optional(),
  names: NAMES_FIELD.optional(),
  flapping: FLAPPING_FIELD.optional(),
});

/** What one source states; everything may be absent. Durations are ms. */
export type SettingsLayer = z.output<typeof SETTINGS>;
type PipelineLayer = z.output<typeof PIPELINE>;

export const SETTINGS_SHAPE: Shape<SettingsLayer> = {
  schema: SETTINGS,
  jsonSchema: inputJsonSchema(SETTINGS),
};

const QUEUE_DEFAULT: Readonly<Record<Pipeline, QueueKind>> = {
  pulse: "ring",
  intervention: "hybrid",
  code: "hybrid",
};
const QUEUE_CAPACITY_DEFAULT: Readonly<Record<Pipeline, number>> = {
  pulse: 16_384,
  intervention: 4096,
  code: 4096,
};
/** Slots are cheap, and a fleet that answers within a millisecond would need three: too few for the first ten that hang. */
const MIN_SLOTS_DEFAULT: Readonly<Record<Pipeline, number>> = { pulse: 64, intervention: 4, code: 16 };
const MAX_SLOTS_DEFAULT: Readonly<Record<Pipeline, number>> = { pulse: 4096, intervention: 64, code: 256 };

export interface ResolvedSettings {
  readonly settings: Settings;
  /** What the sources say against each other; empty when all is well. */
  readonly faults: readonly string[];
}

/**
 * `layers`: manifest, config file, flags; later ones win, key by key. Within one layer a pipeline's own block wins over
 * the top; a later layer's top wins over an earlier layer's block. `cores` bounds the threads that nobody set.
 */
export function resolveSettings(
  layers: readonly SettingsLayer[],
  options: { readonly cores: number },
): ResolvedSettings {
  const faults: string[] = [];
  const rising: SettingsLayer = Object.assign({}, ...layers);
  const pipeline = (name: Pipeline) => resolvePipeline(name, { layers, cores: options.cores, faults });
  const debug = rising.debug ?? false;
  const settings: Settings = {
    debug,
    logLevel: rising.log_level ?? (debug ? "debug" : "info"),
    logFormat: rising.log_format ?? "text",
    maxMonitors: rising.max_monitors ?? 2_097_152,
    listen: rising.listen ?? null,
    pprof: rising.pprof ?? true,
    pprofAddr: rising.pprof_addr ?? "localhost:6060",
    token: rising.token ?? null,
    state: rising.state ?? null,
    shutdownTimeoutMs: rising.shutdown_timeout ?? 30_000,
    heartbeat: rising.heartbeat === undefined
      ? null
      : { url: rising.heartbeat.url, intervalMs: rising.heartbeat.interval ?? 60_000 },
    journal: {
      retentionMs: rising.journal?.retention ?? 30 * 86_400_000,
      rows: rising.journal?.rows ?? 100_000,
    },
    memory: { softBytes: rising.memory?.soft ?? null, hardBytes: rising.memory?.hard ?? null },
    pipelines: { pulse: pipeline("pulse"), intervention: pipeline("intervention"), code: pipeline("code") },
    remediation: resolveRemediation(layers.map((layer) => layer.remediation)),
    guard: resolveGuard(layers.map((layer) => layer.guard)),
    digest: resolveDigest(layers.map((layer) => layer.digest)),
    names: resolveNames(layers.map((layer) => layer.names)),
    flapping: resolveFlapping(layers.map((layer) => layer.flapping)),
  };
  const { softBytes, hardBytes } = settings.memory;
  if (softBytes !== null && hardBytes !== null && softBytes >= hardBytes) {
    faults.push("memory: soft is not less than hard");
  }
  return { settings, faults };
}

interface PipelineSources {
  readonly layers: readonly SettingsLayer[];
  readonly cores: number;
  readonly faults: string[];
}

function resolvePipeline(name: Pipeline, sources: PipelineSources): PipelineSettings {
  const stated: PipelineLayer = {};
  for (const layer of sources.layers) {
    for (const source of [layer, layer[name] ?? {}]) {
      for (const key of Object.keys(PIPELINE_FIELDS)) {
        if (Object.hasOwn(source, key)) Object.assign(stated, { [key]: source[key as keyof PipelineLayer] });
      }
    }
  }
  const threads = name === "pulse" ? Math.max(1, sources.cores) : Math.min(2, Math.max(1, sources.cores));
  const workers = bounds(stated.min_workers, stated.max_workers, threads);
  const slots = bounds(stated.min_slots, stated.max_slots, MAX_SLOTS_DEFAULT[name], MIN_SLOTS_DEFAULT[name]);
  for (const [word, range] of [["workers", workers], ["slots", slots]] as const) {
    if (range.min <= range.max) continue;
    sources.faults.push(`${name}: min_${word} ${range.min} is more than max_${word} ${range.max}`);
  }
  return {
    minWorkers: workers.min,
    maxWorkers: workers.max,
    minSlots: slots.min,
    maxSlots: slots.max,
    queue: stated.queue ?? QUEUE_DEFAULT[name],
    queueCapacity: stated.queue_capacity ?? QUEUE_CAPACITY_DEFAULT[name],
    batchSize: stated.batch_size ?? 2000,
    sizingServiceTimeMs: stated.sizing_service_time ?? null,
    sizingSloMs: stated.sizing_slo ?? 100,
    sizingHeadroomPct: stated.sizing_headroom_pct ?? 0.15,
  };
}

/** A bound that nobody set gives way to the one that somebody did. */
function bounds(
  min: number | undefined,
  max: number | undefined,
  maxDefault: number,
  minDefault = 1,
): { min: number; max: number } {
  const top = max ?? Math.max(maxDefault, min ?? 1);
  return { min: min ?? Math.min(minDefault, top), max: top };
}
