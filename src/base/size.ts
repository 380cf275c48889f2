/** Sizes as people write them: "10MiB", "500 kB", or a number of bytes. */
import { type Schema, z } from "./schema.ts";

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kb: 1000,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
};

/** Whole bytes, or undefined when it is no size. */
export function parseSize(value: string | number): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(value).trim());
  const factor = FACTORS[parts?.[2]?.toLowerCase() ?? "?"];
  if (parts === null || factor === undefined) return undefined;
  const bytes = Math.round(Number(parts[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes after parsing. */
export function sizeField(bytesMin: number): Schema<number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes !== undefined && bytes >= bytesMin) return bytes;
    const message = `expected a size such as "10MiB", at least ${bytesMin} bytes`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}
