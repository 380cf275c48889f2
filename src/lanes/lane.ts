/**
 * The pipelines. A lane runs plug-ins on jobs; its index is its place in tables, rings' statistics and metrics.
 * Checks have two: `pulse` runs what the raw engine can (all of them where there is no FFI), `hosted` what needs the
 * runtime's event loop: names, TLS, programs, redirects.
 */
export const LANES = ["pulse", "intervention", "code", "hosted"] as const;
export type Lane = typeof LANES[number];
export const PULSE = 0;
export const INTERVENTION = 1;
export const CODE = 2;
export const HOSTED = 3;
