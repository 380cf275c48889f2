/**
 * A thin client of the Docker Engine API over its unix socket, for checks and remedies: version negotiation, JSON both ways,
 * errors as remedy results. Source: docs.docker.com/reference/api/engine ("Versioned API", "Errors").
 */
import { oneLine } from "../base/log.ts";
import { type Schema, z } from "../base/schema.ts";
import type { RemedyResult } from "../model/plugin.ts";
import { callHttp, type HttpAnswer, type HttpFailure } from "./http_client.ts";

/** A request that went through, or why not, ready to be returned by a remedy. */
export type EngineAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | {
    readonly ok: false;
    /** 0 = no answer. */
    readonly status: number;
    /** Of the runtime's error when there was no answer, else "". */
    readonly code: string;
    readonly result: RemedyResult;
  };

export interface Engine {
  get<T>(path: string, schema: Schema<T>): Promise<EngineAnswer<T>>;
  /** Done; the value is false when there was nothing to do (304). */
  post(path: string, body?: unknown): Promise<EngineAnswer<boolean>>;
}

/** 1.41 is Docker 20.10; everything used here exists in both. */
const MINOR_MIN = 41;
const MINOR_MAX = 47;
/** An inspection repeats all labels and variables of a container. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** The socket of `config`, of DOCKER_HOST, or the usual one; undefined when DOCKER_HOST is no unix socket. */
export function socketPathOf(configured: string | undefined): string | undefined {
  if (configured !== undefined) return configured.replace(/^unix:\/\//, "");
  const host = process.env["DOCKER_HOST"] ?? "";
  if (host === "") return "/var/run/docker.sock";
  return host.startsWith("unix:///") ? host.slice("unix://".length) : undefined;
}

export async function openEngine(socketPath: string, signal: AbortSignal): Promise<EngineAnswer<Engine>> {
  const ping = await callHttp({ method: "GET", url: "http://docker/_ping", socketPath }, signal);
  if (ping.kind === "failure") return noAnswer(socketPath, ping);
  const theirs = ping.headers["api-version"] ?? "";
  const minor = Number(/^1\.(\d+)$/.exec(theirs)?.[1] ?? NaN);
  if (!(minor >= MINOR_MIN)) {
    const text = `Docker Engine at ${socketPath} speaks API ${
      oneLine(theirs) || "(none)"
    }, at least 1.${MINOR_MIN} is needed`;
    return { ok: false, status: ping.status, code: "", result: { ok: false, retryable: false, text } };
  }
  const base = `http://docker/v1.${Math.min(minor, MINOR_MAX)}`;
  const call = async (method: string, path: string, body?: unknown): Promise<EngineAnswer<HttpAnswer>> => {
    const answer = await callHttp({
      method,
      url: base + path,
      socketPath,
      answerLimitBytes: ANSWER_BYTES_MAX,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: [["Content-Type", "application/json"]] }),
    }, signal);
    if (answer.kind === "failure") return noAnswer(socketPath, answer);
    return answer.status > 299 && answer.status !== 304 ? refusal(answer) : { ok: true, value: answer };
  };
  const engine: Engine = {
    async get(path, schema) {
      const answer = await call("GET", path);
      if (!answer.ok) return answer;
      const parsed = schema.safeParse(parseJson(answer.value.body));
      if (parsed.success) return { ok: true, value: parsed.data };
      return failed(
        answer.value.status,
        `Docker Engine at ${socketPath}: unexpected answer to GET ${path.split("?", 1)[0]}`,
      );
    },
    async post(path, body) {
      const answer = await call("POST", path, body);
      return answer.ok ? { ok: true, value: answer.value.status !== 304 } : answer;
    },
  };
  return { ok: true, value: engine };
}

const ENGINE_ERROR = z.object({ message: z.string() });

/** Cut off by the deadline, what it did is unknown, so the checks decide; a daemon that is away may come back. */
function noAnswer(socketPath: string, failure: HttpFailure) {
  const text = `Docker Engine at ${socketPath}: ${failure.text}`;
  const result = { ok: false, retryable: !failure.cancelled, text };
  return { ok: false, status: 0, code: failure.code, result } as const;
}

/** 404: no such thing. 409: its state forbids it now. 5xx: the engine failed. Other 4xx: the request cannot work. */
function refusal(answer: { readonly status: number; readonly body: string }) {
  const parsed = ENGINE_ERROR.safeParse(parseJson(answer.body));
  const message = parsed.success ? oneLine(parsed.data.message) : `answered ${answer.status}`;
  return failed(answer.status, message);
}

function failed(status: number, text: string) {
  return {
    ok: false,
    status,
    code: "",
    result: { ok: false, retryable: status === 409 || status >= 500, text },
  } as const;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
