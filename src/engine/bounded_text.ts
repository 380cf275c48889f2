/**
 * Text from outside, made fit for a message: one line, no control characters, and a bound in bytes.
 * For alerts, which travel in slots of fixed size and are read in places (phones, terminals, chat) where a control
 * character or a change of writing direction could forge what the reader sees.
 */

/** Line breaks and tabs, which become spaces. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]/g;
/** Other control characters and bidirectional overrides, which become U+FFFD. */
// deno-lint-ignore no-control-regex
const FORGERS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One byte each, also within a JSON string: nearly every text is made of these only, and a storm composes thousands. */
const PLAIN = /^[ !#-[\]-~]*$/;

const ELLIPSIS = "…";
const ELLIPSIS_BYTES = 3;

/**
 * At most `bytesMax` bytes of UTF-8 within a JSON string (where a quotation mark or a backslash takes two), cut between
 * code points; a cut text ends in "…".
 */
export function boundText(text: string, bytesMax: number): string {
  if (text.length <= bytesMax && PLAIN.test(text)) return text;
  // A unit takes a byte at least: what follows cannot fit, however long it is.
  const clean = text.slice(0, bytesMax + 1).replace(BREAKS, " ").replace(FORGERS, "\ufffd").toWellFormed();
  let bytes = 0;
  let units = 0;
  let unitsBeforeEllipsis = 0;
  for (const character of clean) {
    bytes += jsonBytes(character.codePointAt(0) as number);
    units += character.length;
    if (bytes <= bytesMax - ELLIPSIS_BYTES) unitsBeforeEllipsis = units;
    if (bytes > bytesMax) return clean.slice(0, unitsBeforeEllipsis) + ELLIPSIS;
  }
  return clean;
}

function jsonBytes(codePoint: number): number {
  if (codePoint === 0x22 || codePoint === 0x5c) return 2;
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
