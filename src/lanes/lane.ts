/** The three pipelines. A lane runs plug-ins on jobs; its index is its place in tables, rings' statistics and metrics. */
export const LANES = ["pulse", "intervention", "code"] as const;
export type Lane = typeof LANES[number];
export const PULSE = 0;
export const INTERVENTION = 1;
export const CODE = 2;
