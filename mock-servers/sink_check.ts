/** What the sinks of JSON and form APIs share: reading a body against a statement of its fields, and saying what is wrong. */
import { type Schema, z } from "../src/base/schema.ts";

export type Checked<T> = { readonly value: T } | {
  /** "field: what is wrong", the first fault; "" stands for the body itself. */
  readonly field: string;
  readonly fault: string;
};

export function checkJson<T>(schema: Schema<T>, text: string): Checked<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { field: "", fault: "no JSON" };
  }
  return check(schema, value);
}

/** A field that comes twice is a fault. */
export function checkForm<T>(schema: Schema<T>, text: string): Checked<T> {
  const pairs = [...new URLSearchParams(text)];
  const fields = Object.fromEntries(pairs);
  if (Object.keys(fields).length < pairs.length) return { field: "", fault: "a field comes twice" };
  return check(schema, fields);
}

function check<T>(schema: Schema<T>, value: unknown): Checked<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const issue = parsed.error.issues[0];
  return { field: issue?.path.join(".") ?? "", fault: issue?.message ?? "" };
}

/** A text of 1 to `charsMax` characters, of whole Unicode characters. */
export function text(charsMax: number): Schema<string> {
  return z.string().min(1).max(charsMax).refine((value) => value.isWellFormed(), "half a character");
}

export const ISO_TIME: Schema<string> = z.string().regex(
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/,
);

export const WEB_ADDRESS: Schema<string> = z.string().regex(/^https?:\/\/\S+$/);
