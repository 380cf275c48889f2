/** Text measured and cut in terminal cells, made harmless first: names come from manifests and errors from targets. */
import { oneLine } from "../base/log.ts";

/**
 * Control characters escaped as in the log; format characters (zero width, bidirectional overrides), lone surrogates and
 * combining marks, which would shift or reverse what stands beside them, become "·".
 */
export function plainText(text: string): string {
  return oneLine(text.normalize("NFC")).replace(/[\p{Cf}\p{Cs}\p{M}]/gu, "·");
}

/**
 * Cells of text that went through plainText(). Two for East Asian wide and fullwidth forms and for emoji, else one
 * (Unicode Standard Annex 11, in blocks: near enough to never overflow a line).
 */
export function cellCount(text: string): number {
  let cells = 0;
  for (const character of text) cells += isWide(character.codePointAt(0) as number) ? 2 : 1;
  return cells;
}

/** At most `cells` cells, the last one "…" when something was cut off. */
export function cutToCells(text: string, cells: number): string {
  if (cellCount(text) <= cells) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    const width = isWide(character.codePointAt(0) as number) ? 2 : 1;
    if (used + width > cells - 1) break;
    kept += character;
    used += width;
  }
  return cells > 0 ? `${kept}…` : "";
}

/** Exactly `cells` cells: cut or filled with spaces. */
export function fitToCells(text: string, cells: number): string {
  const cut = cutToCells(text, cells);
  return cut + " ".repeat(Math.max(0, cells - cellCount(cut)));
}

function isWide(code: number): boolean {
  return code >= 0x1100 && (
    code <= 0x115f || (code >= 0x231a && code <= 0x231b) || (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x2600 && code <= 0x27bf) ||
    (code >= 0x1f000 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd)
  );
}
