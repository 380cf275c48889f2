/**
 * What all checks share that speak a protocol over one TCP connection: where it goes, TLS, the deadline, phases, and that
 * nothing is left behind. A kind adds its own fields and its side of the conversation.
 */
import type { SecureContext } from "node:tls";
import { HOST_FIELD, PORT_FIELD } from "../base/fields.ts";
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import type { Failure } from "../net/failure.ts";
import { createTlsContext, type TlsOptions } from "../net/tls.ts";
import { Stop, Wire, type WireRequest } from "../net/wire.ts";
import { sourceField } from "./source_field.ts";

export const TLS_FIELDS = {
  insecure: z.boolean().default(false),
  /** The name the certificate must be for; "" = the host's. */
  "server_name": z.string().default(""),
  ca: z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" })
    .or(z.literal("")).default(""),
};

const STREAM_FIELDS = {
  host: HOST_FIELD,
  tls: z.boolean().default(false),
  ...TLS_FIELDS,
  source: sourceField(),
};
const STREAM_SHAPE = z.strictObject({ ...STREAM_FIELDS, port: PORT_FIELD });
type StreamConfig = z.output<typeof STREAM_SHAPE>;
export type TlsConfig = Pick<StreamConfig, "insecure" | "server_name" | "ca">;

export interface StreamKind<Shape extends z.ZodRawShape> {
  readonly kind: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Where the service usually listens. */
  readonly port: number;
  readonly fields: Shape;
  readonly example: string;
  readonly estimateMs?: number;
  /** `tls` is begun inside the protocol, by the conversation; otherwise before the first byte. */
  readonly tlsWithin?: true;
  /** Offered in TLS (RFC 7301). */
  readonly alpn?: readonly string[];
  readonly advice?: (config: Said<Shape>) => string | undefined;
  /** One healthy exchange: returns when all is well, throws Stop when not. The wire is freed behind it. */
  converse(wire: Wire, talk: Conversation<Shape>): Promise<void>;
}

type Said<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>> & StreamConfig;

export interface Conversation<Shape extends z.ZodRawShape> {
  /** Without host and port; one object for all checks of a policy on this thread. */
  readonly config: Omit<Said<Shape>, "host" | "port">;
  readonly host: string;
  readonly tls: TlsOptions;
}

export function streamProbe<Shape extends z.ZodRawShape>(kind: StreamKind<Shape>): Probe {
  const { advice } = kind;
  return {
    kind: kind.kind,
    aliases: kind.aliases ?? [],
    summary: kind.summary,
    schema: z.strictObject({ ...STREAM_FIELDS, port: PORT_FIELD.default(kind.port), ...kind.fields }),
    ...(advice === undefined ? {} : { advice: (config) => advice(config as Said<Shape>) }),
    example: kind.example,
    descriptors: 1,
    estimateMs: kind.estimateMs ?? 5,
    split(config) {
      const { host, port, ...shared } = config as StreamConfig;
      return { target: joinTarget(host, port), shared };
    },
    run: (request, signal) => run(kind, request, signal),
  };
}

export function joinTarget(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function splitTarget(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(":");
  return { host: target.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(target.slice(colon + 1)) };
}

function run<Shape extends z.ZodRawShape>(
  kind: StreamKind<Shape>,
  request: ProbeRequest,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const config = request.config as Conversation<Shape>["config"];
  const { host, port } = splitTarget(request.target);
  const tls = tlsOptions(config as TlsConfig, { host, alpn: kind.alpn ?? [] });
  return runConversation(request, {
    ...{ host, port, config, source: config.source },
    tls: config.tls && kind.tlsWithin !== true ? tls : undefined,
    converse: (wire) => kind.converse(wire, { config, host, tls }),
  }, signal);
}

export interface OneConversation {
  readonly host: string;
  readonly port: number;
  /** Address to connect from; "" = the kernel's choice. */
  readonly source: string;
  /** Its password appears in no text. */
  readonly config: object;
  readonly tls: TlsOptions | undefined;
  converse(wire: Wire): Promise<void>;
}

/** Opens, talks, frees, and words the end. */
export async function runConversation(
  request: ProbeRequest,
  { host, port, source, config, tls, converse }: OneConversation,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const phases: WireRequest["phases"] = {};
  let wire: Wire | undefined;
  try {
    wire = await Wire.open({
      ...{ host, port, source, phases },
      startedMs: performance.now(),
      timeoutMs: request.timeoutMs,
      ...(tls === undefined ? {} : { tls }),
    }, signal);
    await converse(wire);
    return { outcome: "pass", reason: "none", value: 0, ...phases };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { ...shown(error.failure, config), ...phases };
  } finally {
    wire?.free();
  }
}

const CONTEXTS = new WeakMap<object, SecureContext>();

/** The context is made when it is first needed: it holds every authority's certificate. */
export function tlsOptions(
  config: TlsConfig,
  { host, alpn }: { host: string; alpn: readonly string[] },
): TlsOptions {
  return {
    host: config.server_name === "" ? host : config.server_name,
    insecure: config.insecure,
    alpn,
    get context() {
      let context = CONTEXTS.get(config);
      if (context === undefined) {
        context = createTlsContext(config.ca === "" ? undefined : config.ca);
        CONTEXTS.set(config, context);
      }
      return context;
    },
  };
}

const TEXT_CHARACTERS_MAX = 200;

/** A peer's words as people may see them: some repeat the command they did not like, password and all. */
function shown(failure: Failure, config: object): Failure {
  if (failure.text === undefined) return failure;
  const password = "password" in config && typeof config.password === "string" ? config.password : "";
  const text = password === "" ? failure.text : failure.text.replaceAll(password, "…");
  return { ...failure, text: oneLine(text).slice(0, TEXT_CHARACTERS_MAX) };
}
