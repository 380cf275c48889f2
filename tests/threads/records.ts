/**
 * What the thread tests push: every field and every text follows from the number of the record, so that both sides can
 * check contents without telling each other anything.
 */
export const TEXT_BYTES = 256;
/** One record in so many carries texts, both ways. */
const TEXT_EVERY = 8;

/** Any 32-bit number, different for each (record, salt). */
export function scramble(record: number, salt: number): number {
  let mixed = Math.imul(record ^ Math.imul(salt, 0x9e3779b9), 0x85ebca6b);
  mixed ^= mixed >>> 13;
  return Math.imul(mixed, 0xc2b2ae35) >>> 0;
}

export function textBytesOf(record: number, salt: number): number {
  return record % TEXT_EVERY === 0 ? scramble(record, salt) % (TEXT_BYTES + 1) : 0;
}

/** The record's text, written into `scratch` (TEXT_BYTES long); undefined when it carries none. */
export function textOf(record: number, salt: number, scratch: Uint8Array): Uint8Array | undefined {
  const bytes = textBytesOf(record, salt);
  if (bytes === 0) return undefined;
  for (let index = 0; index < bytes; index++) scratch[index] = (record + salt + index) & 0xff;
  return scratch.subarray(0, bytes);
}

export function isTextOf(record: number, salt: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== ((record + salt + index) & 0xff)) return false;
  }
  return text.length === textBytesOf(record, salt);
}
