/** What the API of a run can be asked to do (`POST /-/NAME`): one entry per action. */
import {
  type ActionAnswer,
  type ActionHandler,
  type ActionHandlers,
  unknownParameters,
} from "../model/action.ts";
import { alertActions, type AlertTargets } from "./alert_actions.ts";
import { runFreeze, runUnfreeze } from "./freeze.ts";
import type { Io } from "./io.ts";

export interface ActionTargets extends AlertTargets {
  /** The file of the kill switch. */
  readonly freezeFile: string;
  /** Acts at once; the file is what lasts. */
  readonly freeze: (frozen: boolean) => void;
  /** Undefined until the manifest has been loaded. */
  readonly reload: () => ActionHandler | undefined;
}

export function runActions({ freezeFile, freeze, reload, ...alerts }: ActionTargets): ActionHandlers {
  return {
    ...alertActions(alerts),
    reload: (parameters) =>
      reload()?.(parameters) ?? { status: 503, body: { error: "the manifest is still being loaded" } },
    async freeze(parameters) {
      const { reason } = parameters;
      const wrong = unknownParameters(parameters, ["reason"]);
      if (wrong !== undefined) return wrong;
      if (reason !== undefined && typeof reason !== "string") {
        return { status: 400, body: { error: "reason is not a text", parameter: "reason" } };
      }
      freeze(true);
      return await spoken((io) => runFreeze({ file: freezeFile, reason }, io));
    },
    async unfreeze(parameters) {
      const wrong = unknownParameters(parameters, []);
      if (wrong !== undefined) return wrong;
      const answer = await spoken((io) => runUnfreeze(freezeFile, io));
      if (answer.status === 200) freeze(false);
      return answer;
    },
  };
}

/** A verb's words as an answer. */
async function spoken(verb: (io: Io) => Promise<number>): Promise<ActionAnswer> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await verb({ out: (text) => out.push(text), err: (text) => err.push(text) });
  return code === 0
    ? { status: 200, body: { message: out.join("\n") } }
    : { status: 500, body: { error: err.join("\n") } };
}
