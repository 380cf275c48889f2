/**
 * URLs that a parser would give back as they are: most of a fleet's. One regular expression instead of two URL objects
 * and a schema (0.3 µs instead of 5) for each of a million monitors. Far from all such URLs are recognized.
 * Source: WHATWG URL Standard, host parsing (a last label that begins with a letter is no number) and serializing.
 */

/** The URL itself; undefined = ask the parser. No user, query, fragment, dot segment or default port. */
export function canonicalUrl(text: string): string | undefined {
  CANONICAL.lastIndex = 0;
  const parts = CANONICAL.exec(text);
  if (parts === null) return undefined;
  const port = parts[2];
  if (port === undefined) return text;
  const isDefault = parts[1] === undefined ? port === "80" : port === "443";
  return isDefault || Number(port) > 65_535 ? undefined : text;
}

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ADDRESS = `${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}`;
// Two hyphens in a row would be punycode; so would an underscore be in doubt.
const LABEL = "[a-z0-9](?:-?[a-z0-9]){0,30}";
const NAME = `(?:${LABEL}\\.){0,7}[a-z](?:-?[a-z0-9]){0,30}`;
const SEGMENT = "/[A-Za-z0-9_][A-Za-z0-9_.~-]*";
const CANONICAL = new RegExp(
  `^http(s)?://(?:${ADDRESS}|${NAME})(?::([1-9]\\d{0,4}))?(?:/|(?:${SEGMENT})+/?)$`,
);
