/**
 * FNV-1a, 32 bit, over UTF-8 bytes, followed by the MurmurHash3 finalizer: FNV alone leaves the high bits of short,
 * similar names ("web-1", "web-2") correlated, and phase spreading uses the hash as a fraction of the interval.
 * Sources: RFC draft-eastlake-fnv; MurmurHash3 fmix32.
 */
export function hashBytes(bytes: Uint8Array, length = bytes.length): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) {
    hash ^= bytes[i] as number;
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const ENCODER = new TextEncoder();

/** The stable identity of a monitor: the hash of its name. Unsigned 32 bit. */
export function hashText(text: string): number {
  return hashBytes(ENCODER.encode(text));
}
