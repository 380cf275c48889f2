/** Which kinds of monitors a generated manifest has, and how many of each. */
export const GENERATED_KINDS = ["http", "tcp", "script"] as const;
export type GeneratedKind = typeof GENERATED_KINDS[number];
/** Kind → weight; weights need not add up to 100. */
export type Mix = Readonly<Partial<Record<GeneratedKind, number>>>;

/** Throws MixError with what is allowed. Weights are numbers of 0 or more, at least one above 0. */
export function parseMix(text: string): Mix {
  const mix: Partial<Record<GeneratedKind, number>> = {};
  for (const part of text.split(",")) {
    const [name = "", weightText, ...rest] = part.split(":").map((each) => each.trim());
    const kind = GENERATED_KINDS.find((each) => each === name);
    if (kind === undefined) {
      throw new MixError(`unknown kind "${name}" in the mix "${text}"; known: ${GENERATED_KINDS.join(", ")}`);
    }
    if (mix[kind] !== undefined) throw new MixError(`"${kind}" stands twice in the mix "${text}"`);
    const weight = weightText === undefined || !/^\d+(\.\d+)?$/.test(weightText) ? NaN : Number(weightText);
    if (!Number.isFinite(weight) || rest.length > 0) {
      throw new MixError(
        `expected "${kind}:WEIGHT" with a number of 0 or more, found "${part.trim()}" in the mix "${text}"`,
      );
    }
    mix[kind] = weight;
  }
  if (Object.values(mix).every((weight) => weight === 0)) {
    throw new MixError(`no weight above 0 in the mix "${text}"`);
  }
  return mix;
}

export class MixError extends Error {}

/** Shares of `count` that add up to it exactly, by largest remainder (Hamilton's method). */
export function exactCounts(count: number, mix: Mix): Record<GeneratedKind, number> {
  const total = GENERATED_KINDS.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0);
  const shares = GENERATED_KINDS.map((kind) => ({ kind, exact: count * (mix[kind] ?? 0) / total }));
  const counts = { http: 0, tcp: 0, script: 0 };
  for (const { kind, exact } of shares) counts[kind] = Math.floor(exact);
  let left = count - GENERATED_KINDS.reduce((sum, kind) => sum + counts[kind], 0);
  shares.sort((a, b) => (b.exact % 1) - (a.exact % 1));
  for (const { kind } of shares) {
    if (left === 0) break;
    counts[kind]++;
    left--;
  }
  return counts;
}
