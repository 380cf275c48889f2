/**
 * Signals of jobs: `/ping/TOKEN`, `/ping/TOKEN/start`, `/ping/TOKEN/fail`, `/ping/TOKEN/EXITCODE`, by GET, HEAD or POST, as
 * healthchecks.io takes them ("Pinging API"). The token is the permission, so these paths ask for no other, on no address,
 * and it stands in no answer and no log. Server thread; the engine judges (engine/judges.ts), a batch at a time.
 */
import { type Context, Hono } from "hono";
import { oneLine } from "../base/log.ts";
import { type ReceivedSignal, type Signal, SIGNAL_TEXT_MAX, signalTarget } from "../model/signal.ts";

export const SIGNALS_AT = "/ping/";

export interface SignalSource {
  /** Rows of the monitors with this target, none for a token that nobody has. */
  readonly rowsOf: (target: string) => readonly number[];
  /** False when too much waits already. */
  readonly take: (signals: readonly ReceivedSignal[]) => boolean;
}

const PATH = /^\/ping\/([A-Za-z0-9_-]{16,128})(?:\/(start|fail|[0-9]{1,3}))?$/;
const EXIT_CODE_MAX = 255;
/** Of what a job says with its signal. */
const BODY_BYTES_MAX = 4096;
/** Signals that wait for the engine; a batch goes every BATCH_MS. */
const WAITING_MAX = 10_000;
const BATCH_MS = 20;

export function signalRoutes({ rowsOf, take }: SignalSource): Hono {
  const routes = new Hono();
  routes.all(`${SIGNALS_AT}*`, async (c) => {
    if (!["GET", "HEAD", "POST"].includes(c.req.method)) {
      c.header("Allow", "GET, HEAD, POST");
      return c.text("Signals come by GET, HEAD or POST\n", 405);
    }
    const [, token, word] = PATH.exec(c.req.path) ?? [];
    const rows = token === undefined ? [] : rowsOf(signalTarget(token));
    if (token === undefined || rows.length === 0) return c.text("No monitor waits for this\n", 404);
    if (Number(word) > EXIT_CODE_MAX) return c.text(`An exit code is at most ${EXIT_CODE_MAX}\n`, 400);
    const signal = await signalOf(c, { target: signalTarget(token), word });
    const taken = take(rows.map((row) => ({ row, signal })));
    return taken ? c.text("OK\n") : c.text("Too many signals at once\n", 503);
  });
  return routes;
}

async function signalOf(
  c: Context,
  { target, word }: { readonly target: string; readonly word: string | undefined },
): Promise<Signal> {
  const text = c.req.method === "POST" ? await headOf(c.req.raw) : "";
  const code = word === "fail" ? 1 : Number(word ?? 0);
  if (word === "start") return { target, kind: "start", code: 0, text };
  return code === 0 ? { target, kind: "ok", code, text } : { target, kind: "fail", code, text };
}

/** The first line of what was said. */
async function headOf({ body }: Request): Promise<string> {
  if (body === null) return "";
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  while (bytes < BODY_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value.subarray(0, BODY_BYTES_MAX - bytes));
    bytes += value.length;
  }
  await reader.cancel();
  const text = Buffer.concat(parts).toString("utf8").trim().split("\n", 1)[0] as string;
  return oneLine(text).slice(0, SIGNAL_TEXT_MAX);
}

/** Gathers signals for the engine, so that many of them are few messages. */
export class SignalBatches {
  readonly #post: (signals: readonly ReceivedSignal[]) => void;
  #waiting: ReceivedSignal[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(post: (signals: readonly ReceivedSignal[]) => void) {
    this.#post = post;
  }

  readonly take = (signals: readonly ReceivedSignal[]): boolean => {
    if (this.#waiting.length + signals.length > WAITING_MAX) return false;
    this.#waiting.push(...signals);
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
    return true;
  };

  /** At the end of the thread too: what was answered with OK goes to the engine. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const signals = this.#waiting;
    this.#waiting = [];
    this.#post(signals);
  }
}
