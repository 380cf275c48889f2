/**
 * The health of several monitors as one: passes while enough of them are up. Judged by the engine from where they stand, so it
 * opens no connection and costs microseconds; a change of theirs is seen at this monitor's next check.
 */
import { z } from "../base/schema.ts";
import type { JudgedProbe, JudgeFacts, ProbeResult } from "../model/plugin.ts";
import type { StateName } from "../model/state.ts";

interface GroupConfig {
  readonly monitors: readonly string[];
  /** How many must be up, or the share of them, 0..1. */
  readonly minUp: { readonly count: number } | { readonly share: number };
}

const MONITORS_MAX = 1000;
const NAMES_MAX = 5;
const TEXT_CHARACTERS_MAX = 200;

/** Below its threshold a monitor still counts as up, as it does for people. */
const UP: ReadonlySet<StateName | undefined> = new Set(["up", "degraded"] as const);

const SCHEMA = z.strictObject({
  monitors: z.array(z.string().min(1)).min(1).max(MONITORS_MAX).refine(
    (names) => new Set(names).size === names.length,
    "expected each monitor once",
  ),
  min_up: z.union([
    z.number().int().min(1),
    z.string().regex(/^([1-9][0-9]?|100)%$/, 'expected a number or "60%"'),
  ]).default("100%"),
}).transform(({ monitors, min_up: minUp }, context): GroupConfig => {
  if (typeof minUp === "string") return { monitors, minUp: { share: Number.parseInt(minUp) / 100 } };
  if (minUp <= monitors.length) return { monitors, minUp: { count: minUp } };
  context.addIssue({
    code: "custom",
    path: ["min_up"],
    message: `expected at most ${monitors.length}, the number of monitors`,
  });
  return z.NEVER;
});

export const GROUP: JudgedProbe<GroupConfig> = {
  kind: "group",
  aliases: [],
  summary: "calculated health: enough of other monitors are up",
  schema: SCHEMA,
  example: `name: shop
pulse_check:
  type: group
  interval: 10s
  config:
    monitors: [shop-web-1, shop-web-2, shop-web-3]
    min_up: 2
`,
  descriptors: 0,
  estimateMs: 0.01,
  takesSignals: false,
  split: (config) => ({ target: `${config.monitors.length} monitors`, shared: config }),
  watches: (config) => (config as GroupConfig).monitors,
  judge,
};

/** Those in maintenance are left out; while those that were never checked could decide it, nothing is said. */
function judge({ config, states }: JudgeFacts): ProbeResult | undefined {
  const { monitors, minUp } = config as GroupConfig;
  const counted = monitors.filter((_, index) => states[index] !== "maintenance");
  const stateOf = new Map(monitors.map((name, index) => [name, states[index]]));
  const up = counted.filter((name) => UP.has(stateOf.get(name)));
  const unknown = counted.filter((name) => stateOf.get(name) === "pending");
  const wanted = "count" in minUp
    ? Math.min(minUp.count, counted.length)
    : Math.ceil(counted.length * minUp.share);
  if (counted.length === 0 || (up.length < wanted && up.length + unknown.length >= wanted)) return undefined;
  const out = counted.filter((name) => !UP.has(stateOf.get(name)));
  const more = out.length > NAMES_MAX ? ` and ${out.length - NAMES_MAX} more` : "";
  const names = out.length === 0 ? "" : `; not ${out.slice(0, NAMES_MAX).join(", ")}${more}`;
  const text = `${up.length} of ${counted.length} up, ${wanted} wanted${names}`.slice(0, TEXT_CHARACTERS_MAX);
  return up.length >= wanted
    ? { outcome: "pass", reason: "none", value: 0, text }
    : { outcome: "fail", reason: "members", value: up.length, text };
}
