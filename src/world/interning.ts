/**
 * Finds the policy and the channels of a monitor, or makes them: equal values share one entry.
 * Load: a million specs in a row, a few thousand distinct, each a fresh object. Used by the engine thread only.
 */
import { assert } from "../base/assert.ts";
import type { Color } from "../model/color.ts";
import type { ChannelSpec, LaterSpec, MonitorSpec } from "../model/monitor.ts";
import type { CodePolicy, LaterPolicy, Policy, RemedyPolicy } from "./policy.ts";
import { createValueTable, type ValueTable } from "./value_table.ts";

export interface Interner {
  readonly policies: readonly Policy[];
  readonly channels: readonly ChannelSpec[];
  /** Index of the spec's policy. */
  policyOf(spec: MonitorSpec): number;
  /** Takes policies and channels of an image; specs that come later get policies of their own, equal or not. */
  adopt(known: { readonly policies: readonly Policy[]; readonly channels: readonly ChannelSpec[] }): void;
  /** Puts policies and channels behind those there are; the caller knows that they are new. */
  extend(more: { readonly policies: readonly Policy[]; readonly channels: readonly ChannelSpec[] }): void;
}

export function createInterner(): Interner {
  const policies: Policy[] = [];
  const channels: ChannelSpec[] = [];
  const tables = { configs: createValueTable(), remedies: createValueTable(), codes: createValueTable() };
  const channelTable = createValueTable();
  const policyIndex = new Map<string, number>();

  const channelOf = ({ kind, config }: ChannelSpec): number => {
    const index = channelTable.numberOf({ kind, config });
    if (index === channels.length) channels.push({ kind, config });
    return index;
  };

  const laterOf = ({ afterMs, channels: specs }: LaterSpec): LaterPolicy => {
    return { afterMs, channels: [...new Set(specs.map(channelOf))] };
  };

  const codesOf = (codes: MonitorSpec["codes"]): Policy["codes"] => {
    const result: Partial<Record<Color, CodePolicy>> = {};
    for (const color of Object.keys(codes) as Color[]) {
      const code = codes[color];
      if (code === undefined) continue;
      const { dispatch, cooldownMs, repeatMs, escalate, fallback } = code;
      result[color] = {
        dispatch,
        channels: [...new Set(code.channels.map(channelOf))],
        cooldownMs,
        repeatMs,
        ...(escalate === undefined ? {} : { escalate: escalate.map(laterOf) }),
        ...(fallback === undefined ? {} : { fallback: laterOf(fallback) }),
      };
    }
    return result;
  };

  return {
    policies,
    channels,
    adopt(known) {
      assert(policies.length === 0 && channels.length === 0, "an image is adopted by a new world");
      policies.push(...known.policies);
      for (const channel of known.channels) channelOf(channel);
      assert(channels.length === known.channels.length, "the channels of an image are distinct");
    },
    extend(more) {
      channels.push(...more.channels);
      policies.push(...more.policies);
    },
    policyOf: (spec) => {
      const key = policyKey(spec, tables);
      const known = policyIndex.get(key);
      if (known !== undefined) return known;
      policyIndex.set(key, policies.length);
      return policies.push(policyFrom(spec, codesOf(spec.codes))) - 1;
    },
  };
}

interface Tables {
  readonly configs: ValueTable;
  readonly remedies: ValueTable;
  readonly codes: ValueTable;
}

/** Everything but name, targets and attributes. Kinds are words without spaces. */
function policyKey(spec: MonitorSpec, tables: Tables): string {
  const { probe, remedy } = spec;
  const repair = remedy === undefined
    ? ""
    : ` ${remedy.kind} ${
      tables.remedies.numberOf(remedy.config)
    } ${remedy.retries} ${remedy.maxFailures} ${remedy.timeoutMs} ${remedy.idempotent === true} ${
      remedy.steps === undefined ? "" : tables.remedies.numberOf(remedy.steps)
    }`;
  return `${probe.kind} ${tables.configs.numberOf(probe.config)} ${tables.codes.numberOf(spec.codes)} ` +
    `${spec.intervalMs} ${spec.timeoutMs} ${spec.retries} ${spec.unhealthyThreshold} ${spec.healthyThreshold} ` +
    `${spec.verificationChecks} ${spec.verificationTimeoutMs}${repair}`;
}

function policyFrom(spec: MonitorSpec, codes: Policy["codes"]): Policy {
  return {
    probe: { kind: spec.probe.kind, config: spec.probe.config },
    intervalMs: spec.intervalMs,
    timeoutMs: spec.timeoutMs,
    retries: spec.retries,
    unhealthyThreshold: spec.unhealthyThreshold,
    healthyThreshold: spec.healthyThreshold,
    verificationChecks: spec.verificationChecks,
    verificationTimeoutMs: spec.verificationTimeoutMs,
    remedy: remedyFrom(spec.remedy),
    codes,
  };
}

function remedyFrom(remedy: MonitorSpec["remedy"]): RemedyPolicy | null {
  if (remedy === undefined) return null;
  const { kind, config, retries, maxFailures, timeoutMs, idempotent, steps } = remedy;
  return {
    kind,
    config,
    retries,
    maxFailures,
    timeoutMs,
    ...(idempotent === true ? { idempotent } : {}),
    ...(steps === undefined ? {} : { steps }),
  };
}
