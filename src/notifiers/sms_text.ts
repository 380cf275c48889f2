/**
 * How long a text is as a short message: parts ("segments") of 160 septets in GSM 7 bit or 70 UTF-16 units in UCS-2; a text
 * of several parts loses 7 septets or 3 units of each to the header that joins them.
 * Source: 3GPP TS 23.038 §6.2.1 (alphabet and extension table), TS 23.040 §9.2.3.24.1 (concatenation).
 */
export interface SmsLength {
  readonly encoding: "gsm7" | "ucs2";
  readonly segments: number;
}

const GSM7 =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
  "abcdefghijklmnopqrstuvwxyzäöñüà";
/** Two septets each. */
const GSM7_EXTENSION = "\f^{}\\[~]|€";
const SEPTETS = new Map<string, number>([
  ...[...GSM7].map((character) => [character, 1] as const),
  ...[...GSM7_EXTENSION].map((character) => [character, 2] as const),
]);

const SINGLE = { gsm7: 160, ucs2: 70 } as const;
const JOINED = { gsm7: 153, ucs2: 67 } as const;

export function smsLength(text: string): SmsLength {
  const encoding = encodingOf(text);
  if (units(text, encoding) <= SINGLE[encoding]) return { encoding, segments: 1 };
  return { encoding, segments: joinedSegments(text, encoding) };
}

/**
 * The text, cut at its end to at most `segmentsMax` parts. Typographic signs that alone would make it UCS-2, and so less than
 * half as long, are written plainly before.
 */
export function fitSms(text: string, segmentsMax: number): string {
  const plain = text.toWellFormed().replace(/[‘’“”–—…•·\u00a0\t]/g, (sign) => PLAIN[sign] as string);
  if (smsLength(plain).segments <= segmentsMax) return plain;
  const characters = [...plain];
  // The longest head that fits: its length grows with every character, so half of what is left is enough to look at.
  let fits = 0;
  let tooLong = characters.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (smsLength(`${characters.slice(0, middle).join("")}...`).segments <= segmentsMax) fits = middle;
    else tooLong = middle;
  }
  return `${characters.slice(0, fits).join("")}...`;
}

const PLAIN: Readonly<Record<string, string>> = {
  "‘": "'",
  "’": "'",
  "“": '"',
  "”": '"',
  "–": "-",
  "—": "-",
  "…": "...",
  "•": "-",
  "·": "-",
  "\u00a0": " ",
  "\t": " ",
};

function encodingOf(text: string): "gsm7" | "ucs2" {
  for (const character of text) if (!SEPTETS.has(character)) return "ucs2";
  return "gsm7";
}

function units(text: string, encoding: "gsm7" | "ucs2"): number {
  if (encoding === "ucs2") return text.length;
  let septets = 0;
  for (const character of text) septets += SEPTETS.get(character) as number;
  return septets;
}

/** A character of two units is never split between two parts. */
function joinedSegments(text: string, encoding: "gsm7" | "ucs2"): number {
  let segments = 1;
  let used = 0;
  for (const character of text) {
    const size = encoding === "ucs2" ? character.length : SEPTETS.get(character) as number;
    if (used + size > JOINED[encoding]) {
      segments++;
      used = 0;
    }
    used += size;
  }
  return segments;
}
