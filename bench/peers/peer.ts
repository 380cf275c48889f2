/** A monitoring program to measure beside cpra: how it is configured, started, and asked what it thinks is down. */
export interface PeerTarget {
  /** Counts from 0; the peer's name of it ends in `t<index>`. */
  readonly index: number;
  readonly host: string;
  readonly port: number;
}

export interface PeerPlan {
  /** For the configuration and whatever the peer writes; belongs to this run alone. */
  readonly folder: string;
  readonly targets: readonly PeerTarget[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Undefined: not pinned. */
  readonly core: number | undefined;
}

export interface RunningPeer extends AsyncDisposable {
  /** The roots of its process trees. */
  readonly pids: readonly number[];
  /** Targets that it has told someone, or written down, to be down so far. */
  down(): Promise<ReadonlySet<number>>;
  /** What it wrote, for messages. */
  log(): string;
}

export interface Peer {
  readonly name: string;
  /** Programs that must be on PATH (or at this path); one that is missing makes the peer "not installed". */
  readonly programs: readonly string[];
  /** How it checks: connection mode, and what a reader should know. */
  readonly mode: string;
  /** Can do thousands of checks a second on one core: the larger fleet is for those. */
  readonly fast: boolean;
  /** Two fleet sizes between which its memory per target shows. */
  readonly slopeCounts: readonly [number, number];
  /** Settles when its processes are started, not when they are ready. */
  start(plan: PeerPlan): Promise<RunningPeer>;
}

export const CHECK_PATH = "/health";
