/** What a monitor of kind `icmp` says, after validation. */
export interface IcmpConfig {
  /** A name or an address literal. */
  readonly host: string;
  /** Echo requests of one check. */
  readonly count: number;
  /** From one to the next; shorter when the check's time would not suffice for all. */
  readonly intervalMs: number;
  /** More than this is lost: fail. With 99, one answer is enough. */
  readonly lossPct: number;
  /** Most mean round-trip time; 0 = no limit. */
  readonly rttMs: number;
  /** Ping sockets only, even where raw ones are permitted. */
  readonly unprivileged: boolean;
  /** Address to send from; "" = the kernel's choice. */
  readonly source: string;
}

/** What many monitors share. */
export type SharedIcmpConfig = Omit<IcmpConfig, "host">;
