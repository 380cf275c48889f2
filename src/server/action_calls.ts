/** Calls of actions that are on their way between the server thread and the engine's: numbered, few, each with a deadline. */
import type { ActionParameters } from "../model/action.ts";
import type { CallAnswer } from "./actions.ts";
import type { FromServer, ToServer } from "./messages.ts";

/** More at a time are refused. */
const CALLS_MAX = 16;
/** A reload of a million monitors takes some ten seconds. */
const ANSWER_MS_MAX = 300_000;

type Answered = Extract<ToServer, { readonly type: "answer" }>;

export class ActionCalls {
  readonly #post: (message: FromServer) => void;
  readonly #waiting = new Map<number, (answer: CallAnswer) => void>();
  #number = 0;

  constructor(post: (message: FromServer) => void) {
    this.#post = post;
  }

  readonly call = (name: string, parameters: ActionParameters): Promise<CallAnswer> => {
    if (this.#waiting.size >= CALLS_MAX) {
      return Promise.resolve({ status: 503, body: { error: `${CALLS_MAX} actions are under way already` } });
    }
    const number = ++this.#number;
    return new Promise((resolve) => {
      const end = (answer: CallAnswer) => {
        clearTimeout(timer);
        this.#waiting.delete(number);
        resolve(answer);
      };
      const timer = setTimeout(() => {
        end({
          status: 504,
          body: { error: `No answer within ${ANSWER_MS_MAX / 1000} s; it may still be done` },
        });
      }, ANSWER_MS_MAX);
      this.#waiting.set(number, end);
      this.#post({ type: "action", number, name, parameters });
    });
  };

  take({ number, answer }: Answered): void {
    this.#waiting.get(number)?.(answer);
  }

  /** The thread ends. */
  close(): void {
    for (const end of [...this.#waiting.values()]) end({ status: 503, body: { error: "cpra is stopping" } });
  }
}
