/** `cpra mock`: the mock fleet from the binary, until a signal comes. */
import { startTargets } from "../../mock-servers/targets.ts";
import type { Io } from "./io.ts";
import { aborted } from "./signals.ts";

export interface MockRunOptions {
  /** Shared port of the targets, 0 = chosen. */
  readonly port: number;
  /** Port of the control endpoint on 127.0.0.1, 0 = chosen. */
  readonly control: number;
  readonly seed: number;
  /** Targets on the shared port; default: as many as the largest manifest has monitors, since they cost eight bytes each. */
  readonly count?: number;
  /** Targets with a port of their own, which can be refused one by one; default 32. */
  readonly own?: number;
  /** Port of the first of them, 0 = chosen; default: the one after the control endpoint's. */
  readonly ownPort?: number;
}

const DEFAULT_COUNT = 1 << 20;
const DEFAULT_OWN = 32;

/** Exit code: 0 after the signal, 1 when a port is taken. */
export async function runMock(options: MockRunOptions, io: Io, signal: AbortSignal): Promise<number> {
  const own = options.own ?? DEFAULT_OWN;
  const ownPort = options.ownPort ?? (options.control === 0 ? 0 : options.control + 1);
  const { seed, control, count = DEFAULT_COUNT } = options;
  let targets;
  try {
    targets = await startTargets({ ports: [options.port], count, own, ownPort, control, seed });
  } catch (error) {
    io.err(`Cannot start the mock fleet: ${(error as Error).message}`);
    return 1;
  }
  const first = targets.addressOf(0);
  const last = targets.addressOf(count - 1);
  io.out(`${count} targets at ${first.host} … ${last.host}, port ${first.port} (http and tcp)`);
  if (own > 0) {
    const from = targets.addressOf(count);
    io.out(`${own} targets with a port of their own, from ${from.host}:${from.port} (index ${count} and up)`);
  }
  io.out(`control: ${targets.control}`);
  io.out(
    `try: curl -s ${targets.control}/faults -d ` +
      `'{"match": {"fraction": 0.01}, "fault": {"kind": "status", "code": 503}, "forSeconds": 60}'`,
  );
  await aborted(signal);
  const stats = targets.stats();
  await targets[Symbol.asyncDispose]();
  io.out(`served ${stats.requests} requests on ${stats.accepted} connections`);
  return 0;
}
