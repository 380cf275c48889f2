/**
 * The server thread as the engine's thread sees it: begun, fed with what cannot be read from shared memory, asked by it for
 * actions, ended. Nothing here waits for the server but its beginning and its end, both bounded.
 */
import type { LogFields, LogLevel } from "../base/log.ts";
import type { ActionAnswer, ActionHandlers } from "../model/action.ts";
import type { ReceivedSignal } from "../model/signal.ts";
import { QUERY } from "./actions.ts";
import type { FromServer, ServerBoot, ToServer } from "./messages.ts";

/** The part of a Web Worker that is used. */
export interface ServerThreadPort {
  onmessage: ((event: MessageEvent<FromServer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToServer, transfer?: Transferable[]): void;
  terminate(): void;
}

export interface ServerLinkOptions {
  readonly make: () => ServerThreadPort;
  readonly log: { readonly [Level in LogLevel]: (message: string, fields?: LogFields) => void };
  readonly actions: ActionHandlers;
  readonly takeSignals: (signals: readonly ReceivedSignal[]) => void;
}

/** What the boot message needs beyond what the link knows. */
export type ServerBeginning = Omit<ServerBoot, "type" | "actions">;

const STOP_MS = 1000;

export class ServerLink {
  readonly #options: ServerLinkOptions;
  #thread: ServerThreadPort | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: ServerLinkOptions) {
    this.#options = options;
  }

  readonly post = (message: ToServer, transfer: Transferable[] = []): void => {
    this.#thread?.postMessage(message, transfer);
  };

  /** Real URLs in the order of `listen`. Rejects with a message for people. */
  boot(beginning: ServerBeginning): Promise<readonly string[]> {
    if (beginning.listen.length === 0) return Promise.resolve([]);
    const { make, log, actions } = this.#options;
    const thread = make();
    this.#thread = thread;
    return new Promise((resolve, reject) => {
      thread.onerror = (event) => {
        event.preventDefault();
        log.error("Fault in the server thread", { error: String(event.message) });
        reject(new Error(String(event.message)));
      };
      thread.onmessage = ({ data: message }) => {
        if (message.type === "listening") resolve(message.urls);
        else if (message.type === "listen-failed") reject(new Error(message.error));
        else if (message.type === "log") log[message.level](message.message, message.fields);
        else if (message.type === "signals") this.#options.takeSignals(message.signals);
        else if (message.type === "action") void this.#act(message);
        else this.#stopped?.();
      };
      this.post({ type: "boot", ...beginning, actions: Object.keys(actions) });
    });
  }

  stop(): Promise<void> {
    if (this.#thread === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#thread?.terminate();
        resolve();
      };
      const timer = setTimeout(end, STOP_MS);
      this.#stopped = end;
      this.post({ type: "stop" });
    });
  }

  /** A handler that fails is a fault of ours: the log says which, the caller that it was not done. */
  async #act({ number, name, parameters }: Extract<FromServer, { type: "action" }>): Promise<void> {
    const { actions, log } = this.#options;
    let answer: ActionAnswer;
    try {
      answer = await actions[name]?.(parameters) ?? { status: 404, body: { error: "No such action" } };
    } catch (error) {
      log.error("Fault in an action", { action: name, error: String(error) });
      answer = { status: 500, body: { error: "It could not be done; the log says why" } };
    }
    if (!name.startsWith(QUERY)) log.info("Action", { action: name, status: String(answer.status) });
    this.post({ type: "answer", number, answer });
  }
}
