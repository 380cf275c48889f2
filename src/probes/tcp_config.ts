import type { IpPreference } from "../base/ip_preference.ts";

/** What a monitor of kind `tcp` says, after validation. */
export interface TcpConfig {
  readonly host: string;
  readonly port: number;
  /** "" = nothing is sent. */
  readonly send: string;
  /** Must occur in what the peer sends; "" = nothing is read. */
  readonly expect: string;
  /** How characters of `send` and `expect` become bytes; "bytes": U+0000–U+00FF are one byte each. */
  readonly encoding: "utf8" | "bytes";
  /** Address to connect from; "" = the kernel's choice. */
  readonly source: string;
  /** Which of a name's addresses; "" = as the settings say. */
  readonly ip: IpPreference | "";
  readonly tls: boolean;
  readonly insecure: boolean;
  /** "" = the host's. */
  readonly "server_name": string;
  /** PEM; "" = the authorities of the runtime. */
  readonly ca: string;
}

/** What many monitors share. */
export type SharedTcpConfig = Omit<TcpConfig, "host" | "port">;
