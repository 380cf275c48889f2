/** The fields of an http monitor that say what its answer must hold. */
import { z } from "../base/schema.ts";
import { parseJsonPath } from "./json_path.ts";
import { compilePattern } from "./pattern.ts";

export interface HeaderAssertion {
  /** Lower case. */
  readonly name: string;
  readonly exists: boolean;
  readonly equals?: string;
  readonly contains?: string;
  readonly matches?: string;
}

export interface JsonAssertion {
  readonly path: string;
  readonly exists: boolean;
  readonly equals?: string | number | boolean | null;
  readonly contains?: string;
  readonly matches?: string;
  readonly min?: number;
  readonly max?: number;
  /** How many values the path must lead to. */
  readonly count?: number;
}

const PATTERN = z.string().min(1).superRefine((source, context) => {
  const compiled = compilePattern(source);
  if (typeof compiled === "string") {
    context.addIssue({ code: "custom", message: `expected a regular expression: ${compiled}` });
  }
});

/** One or several texts. */
const TEXTS = z.union([z.string().min(1), z.array(z.string().min(1))]).default([])
  .transform((value): readonly string[] => typeof value === "string" ? [value] : value);

const PATTERNS = z.union([PATTERN, z.array(PATTERN)]).default([])
  .transform((value): readonly string[] => typeof value === "string" ? [value] : value);

const HEADER_ASSERTION = z.strictObject({
  name: z.string().min(1).transform((name) => name.toLowerCase()),
  exists: z.boolean().default(true),
  equals: z.string().optional(),
  contains: z.string().optional(),
  matches: PATTERN.optional(),
});

const JSON_ASSERTION = z.strictObject({
  path: z.string().superRefine((path, context) => {
    const parsed = parseJsonPath(path);
    if (typeof parsed === "string") context.addIssue({ code: "custom", message: parsed });
  }),
  exists: z.boolean().default(true),
  equals: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
  contains: z.string().optional(),
  matches: PATTERN.optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  count: z.number().int().min(0).optional(),
});

export const ASSERTION_FIELDS = {
  "body_contains": TEXTS,
  "body_not_contains": TEXTS,
  "body_matches": PATTERNS,
  header: z.array(HEADER_ASSERTION).default([]),
  json: z.array(JSON_ASSERTION).default([]),
};

interface AssertionInput {
  readonly header: z.output<typeof HEADER_ASSERTION>[];
  readonly json: z.output<typeof JSON_ASSERTION>[];
}

/** Plain JSON: an absent key and one that is undefined are different after a round trip. */
export function assertionsOf(
  { header, json }: AssertionInput,
): { readonly header: readonly HeaderAssertion[]; readonly json: readonly JsonAssertion[] } {
  return { header: header.map(withoutUndefined), json: json.map(withoutUndefined) };
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, content]) => content !== undefined)) as Defined<
    T
  >;
}
