/** The names thread as the app sees it: started with the process, started again when it is lost; the table stays. */
import type { Logger } from "../base/log.ts";
import { createNameTable } from "../shm/name_table.ts";
import type { IpPreference } from "../base/ip_preference.ts";
import type { NamesHandle } from "../model/names.ts";
import type { FromNames, NamesBoot } from "./messages.ts";

/** The part of a Web Worker that is used. */
export interface NamesWorker {
  onmessage: ((event: MessageEvent<FromNames>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: NamesBoot): void;
  terminate(): void;
}

export interface NamesSettings {
  readonly prefer: IpPreference;
  readonly missingAfterMs: number;
  readonly servers: NamesBoot["servers"];
}

export interface NamesLink {
  readonly handle: NamesHandle;
  stop(): void;
}

const RESTART_MS = 1000;

export function startNames(
  make: () => NamesWorker,
  { settings, log }: { readonly settings: NamesSettings; readonly log: Logger },
): NamesLink {
  const table = createNameTable();
  let worker: NamesWorker | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const start = () => {
    const started = worker = make();
    started.onmessage = ({ data }) => log[data.level](data.message, data.fields);
    started.onerror = (event) => {
      event.preventDefault();
      log.error("Fault in the names thread, starting it again", { error: String(event.message) });
      started.terminate();
      timer = setTimeout(start, RESTART_MS);
    };
    const { missingAfterMs, servers } = settings;
    started.postMessage({ type: "boot", table, missingAfterMs, servers });
  };
  start();
  return {
    handle: { table, prefer: settings.prefer },
    stop() {
      clearTimeout(timer);
      worker?.terminate();
    },
  };
}
