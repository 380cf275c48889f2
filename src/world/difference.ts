/**
 * What leads from the world that runs to one that was read anew: which monitors come, go and change, by name, and which
 * policies and channels are new. Pure; for the reload thread, which attaches the running world and only reads. A million
 * rows take some seconds, which nobody waits for.
 *
 * Policies and channels keep their numbers: what is new comes behind them. Two that are equal by value are one.
 */
import type { ChannelSpec } from "../model/monitor.ts";
import type { Policy } from "./policy.ts";
import type { WorldView } from "./world.ts";

/** Bits: what of a monitor changed. */
export const CHANGED = {
  /** Its check: target, kind, configuration, timeouts, thresholds. */
  check: 1,
  interval: 2,
  /** What would be done to which target. */
  remedy: 4,
  /** Who is told what. */
  codes: 8,
  attributes: 16,
} as const;

export interface Difference {
  readonly newPolicies: readonly Policy[];
  readonly newChannels: readonly ChannelSpec[];
  /** Policy of the candidate → policy of the running world with the new ones. */
  readonly policyOf: Uint32Array;
  /** Rows of the candidate. */
  readonly added: Uint32Array;
  /** Rows of the candidate, the row of the same name in the running world, and bits of CHANGED. */
  readonly changed: Uint32Array;
  readonly changedRow: Uint32Array;
  readonly changedWhat: Uint8Array;
  /** Rows of the running world. */
  readonly removed: Uint32Array;
  /** Row of the candidate → row of the running world; for the added ones, those that `freeRows` has, then new ones. */
  readonly rowOf: Uint32Array;
  /** Of the monitors in both: how many have another remedy, and how many have one in either. */
  readonly remediesChanged: number;
  readonly remedies: number;
}

export interface DifferenceOptions {
  /** The world that runs. */
  readonly running: WorldView;
  readonly candidate: WorldView;
  /** Rows of the running world that are no monitors and may be used again. */
  readonly freeRows: Uint32Array;
}

export function differenceOf({ running, candidate, freeRows }: DifferenceOptions): Difference {
  const merged = mergePolicies(running, candidate);
  const matches = matchNames(running, candidate);
  const rowOf = new Uint32Array(candidate.count);
  const lists = {
    added: [] as number[],
    changed: [] as number[],
    rows: [] as number[],
    what: [] as number[],
  };
  const remedyOf = remedyTexts(running, merged);
  const compared: Compared = { running, candidate, merged, remedyOf, changes: new Map() };
  let [remediesChanged, remedies] = [0, 0];
  for (let row = 0; row < candidate.count; row++) {
    const before = matches.rowOf[row] as number;
    if (before === NONE) {
      const index = lists.added.push(row) - 1;
      rowOf[row] = index < freeRows.length
        ? freeRows[index] as number
        : running.count + index - freeRows.length;
      continue;
    }
    rowOf[row] = before;
    const what = whatChanged(compared, before, row);
    if (what !== 0) {
      lists.changed.push(row);
      lists.rows.push(before);
      lists.what.push(what);
    }
    const oldPolicy = merged.known[running.columns.policy[before] as number] as number;
    const newPolicy = merged.policyOf[candidate.columns.policy[row] as number] as number;
    if (remedyOf[oldPolicy] !== NO_REMEDY || remedyOf[newPolicy] !== NO_REMEDY) remedies++;
    if (what & CHANGED.remedy) remediesChanged++;
  }
  return {
    newPolicies: merged.newPolicies,
    newChannels: merged.newChannels,
    policyOf: merged.policyOf,
    added: Uint32Array.from(lists.added),
    changed: Uint32Array.from(lists.changed),
    changedRow: Uint32Array.from(lists.rows),
    changedWhat: Uint8Array.from(lists.what),
    removed: matches.removed,
    rowOf,
    remediesChanged,
    remedies,
  };
}

interface Merged {
  readonly newPolicies: Policy[];
  readonly newChannels: ChannelSpec[];
  readonly policyOf: Uint32Array;
  /** Policy of the running world → the first that is equal to it. */
  readonly known: Uint32Array;
}

function mergePolicies(running: WorldView, candidate: WorldView): Merged {
  const channels = new Map<string, number>();
  const newChannels: ChannelSpec[] = [];
  for (const [index, channel] of running.channels.entries()) {
    const key = canonical(channel);
    if (!channels.has(key)) channels.set(key, index);
  }
  const channelOf = candidate.channels.map((channel) => {
    const key = canonical(channel);
    let index = channels.get(key);
    if (index === undefined) {
      index = running.channels.length + newChannels.push(channel) - 1;
      channels.set(key, index);
    }
    return index;
  });
  const policies = new Map<string, number>();
  const newPolicies: Policy[] = [];
  const known = new Uint32Array(running.policies.length);
  for (const [index, policy] of running.policies.entries()) {
    const key = canonical(policy);
    if (!policies.has(key)) policies.set(key, index);
    known[index] = policies.get(key) as number;
  }
  const policyOf = Uint32Array.from(candidate.policies, (policy) => {
    const mapped = withChannels(policy, channelOf);
    const key = canonical(mapped);
    let index = policies.get(key);
    if (index === undefined) {
      index = running.policies.length + newPolicies.push(mapped) - 1;
      policies.set(key, index);
    }
    return index;
  });
  return { newPolicies, newChannels, policyOf, known };
}

function withChannels(policy: Policy, channelOf: readonly number[]): Policy {
  const codes = Object.entries(policy.codes).map(([color, code]) => {
    const channels = code.channels.map((index) => channelOf[index] as number);
    return [color, { ...code, channels }];
  });
  return { ...policy, codes: Object.fromEntries(codes) };
}

/** JSON with the keys of every object in order: equal values, equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([left], [right]) => left < right ? -1 : 1));
  });
}

const NONE = 0xffff_ffff;

/** Row of the candidate → row of the same name, and the rows whose name the candidate does not have. */
function matchNames(running: WorldView, candidate: WorldView) {
  const rowOf = new Uint32Array(candidate.count).fill(NONE);
  const table = hashTable(candidate);
  const removed: number[] = [];
  for (let row = 0; row < running.count; row++) {
    if (!running.isMonitor(row)) continue;
    const identity = running.columns.identity[row] as number;
    const match = findIn(table, candidate, { identity, name: running.name(row) });
    if (match === NONE) removed.push(row);
    else rowOf[match] = row;
  }
  return { rowOf, removed: Uint32Array.from(removed) };
}

/** Open addressing over the identities, twice as many places as rows. */
function hashTable(world: WorldView): Uint32Array {
  const places = 2 ** Math.ceil(Math.log2(world.count * 2 + 2));
  const table = new Uint32Array(places).fill(NONE);
  for (let row = 0; row < world.count; row++) {
    let at = (world.columns.identity[row] as number) & (places - 1);
    while (table[at] !== NONE) at = (at + 1) & (places - 1);
    table[at] = row;
  }
  return table;
}

function findIn(
  table: Uint32Array,
  world: WorldView,
  { identity, name }: { readonly identity: number; readonly name: string },
): number {
  const mask = table.length - 1;
  for (let at = identity & mask;; at = (at + 1) & mask) {
    const row = table[at] as number;
    if (row === NONE) return NONE;
    if (world.columns.identity[row] === identity && world.name(row) === name) return row;
  }
}

const NO_REMEDY = canonical(null);

/** Of each policy, the new ones behind those that run, what it would do. */
function remedyTexts(running: WorldView, { newPolicies }: Merged): string[] {
  return [...running.policies, ...newPolicies].map(({ remedy }) => canonical(remedy));
}

interface Compared {
  readonly running: WorldView;
  readonly candidate: WorldView;
  readonly merged: Merged;
  readonly remedyOf: readonly string[];
  /** What is different between two policies, by both indices: few pairs stand for many rows. */
  readonly changes: Map<string, number>;
}

function whatChanged(compared: Compared, before: number, row: number): number {
  const { running, candidate, merged } = compared;
  let what = 0;
  const oldIndex = merged.known[running.columns.policy[before] as number] as number;
  const newIndex = merged.policyOf[candidate.columns.policy[row] as number] as number;
  if (oldIndex !== newIndex) what |= changeBetween(compared, oldIndex, newIndex);
  if (running.target(before) !== candidate.target(row)) what |= CHANGED.check;
  if (running.remedyTarget(before) !== candidate.remedyTarget(row)) what |= CHANGED.remedy;
  if (running.attributesText(before) !== candidate.attributesText(row)) what |= CHANGED.attributes;
  return what;
}

function changeBetween({ running, merged, remedyOf, changes }: Compared, from: number, to: number): number {
  const pair = `${from} ${to}`;
  let what = changes.get(pair);
  if (what !== undefined) return what;
  const policyOf = (index: number) =>
    running.policies[index] ?? merged.newPolicies[index - running.policies.length] as Policy;
  what = policyChange(policyOf(from), policyOf(to));
  if (remedyOf[from] !== remedyOf[to]) what |= CHANGED.remedy;
  changes.set(pair, what);
  return what;
}

function policyChange(before: Policy, after: Policy): number {
  const { codes: oldCodes, remedy: _old, intervalMs: oldMs, ...oldCheck } = before;
  const { codes: newCodes, remedy: _new, intervalMs: newMs, ...newCheck } = after;
  return (canonical(oldCheck) === canonical(newCheck) ? 0 : CHANGED.check) |
    (oldMs === newMs ? 0 : CHANGED.interval) |
    (canonical(oldCodes) === canonical(newCodes) ? 0 : CHANGED.codes);
}
