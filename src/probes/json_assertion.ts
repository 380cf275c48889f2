/** Holds the values at a JSON path against what is expected of them: one that does is enough. Pure. */
import { asText } from "./quoted.ts";
import type { JsonAssertion } from "./http_assertion_fields.ts";
import type { Pattern } from "./pattern.ts";

/** What does not hold, for people; undefined when all does. `matches`: the assertion's pattern, compiled. */
export function jsonProblem(
  want: JsonAssertion,
  values: readonly unknown[],
  matches: Pattern | undefined,
): string | undefined {
  if (want.count !== undefined && values.length !== want.count) {
    return `is there ${values.length} times, not ${want.count}`;
  }
  if (!want.exists) return values.length === 0 ? undefined : "is present";
  if (values.length === 0) return want.count === 0 ? undefined : "is missing";
  let problem: string | undefined;
  for (const value of values) {
    problem = valueProblem(want, value, matches);
    if (problem === undefined) return undefined;
  }
  return problem;
}

function valueProblem(want: JsonAssertion, value: unknown, matches: Pattern | undefined): string | undefined {
  if (want.equals !== undefined && value !== want.equals) {
    return `is ${shown(value)}, not ${asText(want.equals)}`;
  }
  if (want.contains !== undefined && !(typeof value === "string" && value.includes(want.contains))) {
    return `is ${shown(value)}, without ${asText(want.contains)}`;
  }
  if (matches !== undefined && !(typeof value === "string" && matches.test(value))) {
    return `is ${shown(value)}, which does not match ${asText(want.matches)}`;
  }
  const { min, max } = want;
  if (min === undefined && max === undefined) return undefined;
  if (typeof value !== "number") return `is ${shown(value)}, not a number`;
  if (min !== undefined && value < min) return `is ${value}, below ${min}`;
  return max !== undefined && value > max ? `is ${value}, above ${max}` : undefined;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : asText(value);
}
