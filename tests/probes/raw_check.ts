/** Runs a probe in a test on the raw engine, between turns of the test's own event loop, where the servers live. */
import { Buffer } from "node:buffer";
import type { NamesHandle } from "../../src/model/names.ts";
import { EFD_NONBLOCK_CLOEXEC, openLibc } from "../../src/host/libc.ts";
import { HANDED_OVER, OUTCOMES, reasonAt } from "../../src/model/outcome.ts";
import type { Probe, ProbeResult } from "../../src/model/plugin.ts";
import type { RawEnd, RawEngine, RawPolicy } from "../../src/model/raw_engine.ts";
import { createProbeEngine } from "../../src/probes/raw_engine.ts";
import { PROBES } from "../../src/probes/registry.ts";
import type { Checked } from "./check.ts";

export interface RawChecked extends Checked {
  readonly attempts: number;
  readonly handedOver: boolean;
}

export interface RawChecker extends Disposable {
  readonly engine: RawEngine;
  check<Config>(
    probe: Probe<Config>,
    config: unknown,
    options?: { timeoutMs?: number; retries?: number },
  ): Promise<RawChecked>;
}

const SLOTS = 256;

/** Undefined where there is no FFI. */
export async function createRawChecker(names?: NamesHandle): Promise<RawChecker | undefined> {
  const libc = await openLibc();
  if (libc === undefined) return undefined;
  const targets: Uint8Array[] = [];
  const waiting = new Map<number, (end: RawEnd) => void>();
  const free = Array.from({ length: SLOTS }, (_, slot) => slot);
  const policies: RawPolicy[] = [];
  const wakeFd = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
  const engine = await createProbeEngine(PROBES, {
    names,
    slots: SLOTS,
    wakeFd,
    policyOf: (row) => policies[row] as RawPolicy,
    nowMs: () => performance.now(),
    target(row, into) {
      into.set(targets[row] as Uint8Array);
      return (targets[row] as Uint8Array).length;
    },
    ended: (end) => waiting.get(end.slot)?.(end),
  });
  let polling = false;
  const poll = () => {
    engine.poll(0);
    polling = waiting.size > 0;
    if (polling) setTimeout(poll, 1);
  };
  return {
    engine,
    [Symbol.dispose]: () => {
      engine.close();
      libc.close(wakeFd);
    },
    check(probe, config, { timeoutMs = 5000, retries = 0 } = {}) {
      const { target, shared } = probe.split(probe.schema.parse(config));
      const raw = probe.raw;
      const settings: unknown = JSON.parse(JSON.stringify(shared));
      if (raw === undefined || !raw.suits(target, settings, { names: names !== undefined })) {
        throw new Error(`${target} does not suit`);
      }
      const row = targets.push(Buffer.from(target)) - 1;
      policies[row] = { probe: { kind: probe.kind, config: settings }, timeoutMs, retries };
      const slot = free.pop() as number;
      const startedMs = performance.now();
      return new Promise((resolve) => {
        waiting.set(slot, (end) => {
          waiting.delete(slot);
          free.push(slot);
          resolve({ ...resultOf(end), tookMs: performance.now() - startedMs });
        });
        engine.start(slot, row);
        if (!polling) poll();
      });
    },
  };
}

function resultOf(end: RawEnd): ProbeResult & { attempts: number; handedOver: boolean } {
  const handedOver = end.outcome === HANDED_OVER;
  return {
    outcome: handedOver ? "local" : OUTCOMES[end.outcome] ?? "local",
    reason: reasonAt(end.reason),
    value: end.value,
    attempts: end.attempts,
    handedOver,
    ...(end.text === undefined ? {} : { text: end.text }),
    ...(end.dnsUs === 0 ? {} : { dnsUs: end.dnsUs }),
    ...(end.connectUs === 0 ? {} : { connectUs: end.connectUs }),
    ...(end.firstByteUs === 0 ? {} : { firstByteUs: end.firstByteUs }),
  };
}
