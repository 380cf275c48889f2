/** Signals of a verb that runs until it is told to stop: the first ends it in order, a second one at once. */
import process from "node:process";

export interface StopSignal {
  /** Fires at the first SIGINT or SIGTERM, or when `afterMs` is over. */
  readonly signal: AbortSignal;
  /** Why it fired: "SIGTERM", "duration". */
  readonly cause: () => string;
  /** Ends it without a signal, for this cause. */
  readonly fire: (cause: string) => void;
  dispose(): void;
}

/** Exit code of a process that a second signal ended before it was done, as shells number it (128 + signal). */
const SIGNAL_NUMBER = { SIGINT: 2, SIGTERM: 15 } as const;

export function stopSignal(options: { readonly afterMs?: number | undefined } = {}): StopSignal {
  const controller = new AbortController();
  let cause = "";
  let signalled = false;
  const fire = (why: string) => {
    if (controller.signal.aborted) return;
    cause = why;
    controller.abort();
  };
  const handlers = (Object.keys(SIGNAL_NUMBER) as (keyof typeof SIGNAL_NUMBER)[]).map((name) => {
    const handler = () => {
      if (signalled) process.exit(128 + SIGNAL_NUMBER[name]);
      signalled = true;
      fire(name);
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  const timer = options.afterMs === undefined
    ? undefined
    : setTimeout(() => fire("duration"), options.afterMs);
  return {
    signal: controller.signal,
    cause: () => cause,
    fire,
    dispose() {
      clearTimeout(timer);
      for (const remove of handlers) remove();
    },
  };
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Handlers of signals that end nothing; the answer takes them away again. */
export function onSignals(handlers: Readonly<Partial<Record<"SIGHUP" | "SIGUSR1", () => void>>>): () => void {
  const entries = Object.entries(handlers) as ["SIGHUP" | "SIGUSR1", () => void][];
  for (const [name, handler] of entries) process.on(name, handler);
  return () => {
    for (const [name, handler] of entries) process.off(name, handler);
  };
}
