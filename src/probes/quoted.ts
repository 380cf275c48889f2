/** A value in a message, in JSON and short. */
export function asText(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
