/** Between the app and the thread that keeps the names. */
import type { LogFields, LogLevel } from "../base/log.ts";

export interface NamesBoot {
  readonly type: "boot";
  readonly table: SharedArrayBuffer;
  readonly missingAfterMs: number;
  /** Instead of those of /etc/resolv.conf; addresses, with a port or not. */
  readonly servers: readonly { readonly address: string; readonly port: number }[];
}

export type FromNames = {
  readonly type: "log";
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
};
