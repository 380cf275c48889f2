/**
 * Manifests of any size for the mock fleet: `cpra generate`. Monitor i checks the fleet's target i, so that a fault set on
 * target i is seen by monitor i. Streams: memory stays at one chunk whatever the count; 1,000,000 monitors take seconds.
 * The YAML is in the form the original documents (`pulse_check`, `config`, `codes`).
 */
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { formatDuration } from "../base/duration.ts";
import { seededRandom } from "../base/prng.ts";
import { hostOfSlot, SLOT_COUNT } from "../../mock-servers/target_addresses.ts";
import { FORMS, type GeneratedFormat } from "./generate_form.ts";
import {
  exactCounts,
  GENERATED_KINDS,
  type GeneratedKind,
  type Mix,
  MixError,
  parseMix,
} from "./generate_mix.ts";
import type { Io } from "./io.ts";

export interface ManifestPlan {
  readonly count: number;
  readonly mix: Mix;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly format: GeneratedFormat;
  readonly targets: {
    /** An address in 127.0.0.0/8 stands for the whole fleet: monitors spread over it. Any other host gets them all. */
    readonly host: string;
    readonly port: number;
    /** Of the fleet's control endpoint, which repairs call. */
    readonly controlPort: number;
  };
  /** Part of the monitors that has a repair, 0 to 1; exact. */
  readonly withIntervention: number;
  readonly seed: number;
}

/** Takes a chunk; a promise holds the generator back until it is settled. */
export type ChunkWriter = (chunk: Uint8Array) => Promise<void> | void;

export interface Generated {
  readonly bytes: number;
  readonly counts: Readonly<Record<GeneratedKind, number>>;
}

const CHUNK_CHARACTERS = 256 * 1024;

/** Writes the manifest in chunks of about 256 KiB; equal plans give equal bytes. */
export async function generateManifest(plan: ManifestPlan, write: ChunkWriter): Promise<Generated> {
  const form = FORMS[plan.format];
  const counts = exactCounts(plan.count, plan.mix);
  const draw = createDraw(plan, counts);
  const terms = {
    interval: formatDuration(plan.intervalMs),
    timeout: formatDuration(plan.timeoutMs),
    ...plan.targets,
  };
  const digits = Math.max(5, String(plan.count - 1).length);
  const encoder = new TextEncoder();
  let bytes = 0;
  let text = form.head;
  const flush = async () => {
    const chunk = encoder.encode(text);
    bytes += chunk.length;
    text = "";
    await write(chunk);
  };
  for (let index = 0; index < plan.count; index++) {
    const { kind, repaired } = draw();
    const name = `${kind}-${String(index).padStart(digits, "0")}`;
    if (index > 0) text += form.between;
    text += form.item({ index, name, kind, repaired, host: hostOf(plan.targets.host, index) }, terms);
    if (text.length >= CHUNK_CHARACTERS) await flush();
  }
  text += form.tail;
  if (text !== "") await flush();
  return { bytes, counts };
}

/** Draws without replacement: any order of the exact counts is equally likely, and the seed decides which. */
function createDraw(plan: ManifestPlan, counts: Readonly<Record<GeneratedKind, number>>) {
  const random = seededRandom(plan.seed);
  const left = { ...counts };
  let total = plan.count;
  let repairs = Math.round(plan.count * plan.withIntervention);
  return (): { kind: GeneratedKind; repaired: boolean } => {
    let at = Math.floor(random() * total);
    const kind = GENERATED_KINDS.find((each) => (at -= left[each]) < 0) as GeneratedKind;
    const repaired = repairs > 0 && random() * total < repairs;
    left[kind]--;
    total--;
    if (repaired) repairs--;
    return { kind, repaired };
  };
}

function hostOf(host: string, index: number): string {
  return host.startsWith("127.") ? hostOfSlot(index % SLOT_COUNT) : host;
}

export interface GenerateRunOptions {
  readonly count: number;
  readonly mix: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly format: GeneratedFormat;
  readonly host: string;
  readonly port: number;
  /** Default: the port after the fleet's, where `cpra mock` has it. */
  readonly controlPort?: number | undefined;
  readonly interventions: number;
  readonly seed: number;
  /** Undefined: standard output. */
  readonly out?: string | undefined;
}

/** Exit code: 0, 1 when it cannot be written, 2 for a mix or a count that is none. */
export async function runGenerate(options: GenerateRunOptions, io: Io): Promise<number> {
  let mix: Mix;
  if (options.count < 1) {
    io.err("error: expected a count of 1 or more");
    return 2;
  }
  try {
    mix = parseMix(options.mix);
  } catch (error) {
    if (!(error instanceof MixError)) throw error;
    io.err(`error: ${error.message}`);
    return 2;
  }
  const plan: ManifestPlan = {
    count: options.count,
    mix,
    intervalMs: options.intervalMs,
    timeoutMs: options.timeoutMs,
    format: options.format,
    targets: { host: options.host, port: options.port, controlPort: options.controlPort ?? options.port + 1 },
    withIntervention: options.interventions,
    seed: options.seed,
  };
  const startedMs = performance.now();
  try {
    const { bytes, counts } = await writeTo(options.out, (write) => generateManifest(plan, write));
    const kinds = GENERATED_KINDS.map((kind) => `${kind} ${counts[kind]}`).join(", ");
    const took = formatDuration(Math.round(performance.now() - startedMs));
    io.err(`${options.count} monitors (${kinds}), ${(bytes / 1e6).toFixed(1)} MB in ${took}`);
    return 0;
  } catch (error) {
    io.err(`Cannot write ${options.out ?? "to standard output"}: ${(error as Error).message}`);
    return 1;
  }
}

/** Gives `use` a writer that waits for each chunk to be out; settles when the file is closed. */
async function writeTo<T>(file: string | undefined, use: (write: ChunkWriter) => Promise<T>): Promise<T> {
  const stream: Writable = file === undefined ? process.stdout : createWriteStream(file);
  // Failures come back through the callbacks below; unheard, the event would end the process.
  stream.on("error", () => {});
  const call = (act: (done: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => act((error) => error ? reject(error) : resolve()));
  const result = await use((chunk) => call((done) => void stream.write(chunk, done)));
  if (file !== undefined) await call((done) => void stream.end(done));
  return result;
}
