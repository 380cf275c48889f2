/** Which statuses of an HTTP answer count as healthy, as the manifest writes them. */
import { type Schema, z } from "../base/schema.ts";

/** Inclusive. */
export type StatusRange = readonly [from: number, to: number];

export const STATUS_FORMS = 'a status such as 200, "2xx", "200-299", or a list of them';

/** Go's and most checkers' idea of success. */
export const SUCCESS: readonly StatusRange[] = [[200, 299]];

export function statusField(): Schema<readonly StatusRange[]> {
  const one = z.union([z.number(), z.string()]);
  return z.union([one, z.array(one).min(1)]).transform((value, context) => {
    const ranges: StatusRange[] = [];
    for (const item of Array.isArray(value) ? value : String(value).split(",")) {
      const range = parseRange(String(item).trim().toLowerCase());
      if (range === undefined) {
        context.addIssue({
          code: "custom",
          message: `expected ${STATUS_FORMS}, found ${JSON.stringify(item)}`,
        });
        return z.NEVER;
      }
      ranges.push(range);
    }
    return ranges;
  });
}

export function statusExpected(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to);
}

function parseRange(text: string): StatusRange | undefined {
  const family = /^([1-5])xx$/.exec(text);
  if (family !== null) return [Number(family[1]) * 100, Number(family[1]) * 100 + 99];
  const range = /^([1-9]\d\d)(?:\s*-\s*([1-9]\d\d))?$/.exec(text);
  if (range === null) return undefined;
  const from = Number(range[1]);
  const to = Number(range[2] ?? range[1]);
  return from <= to ? [from, to] : undefined;
}
