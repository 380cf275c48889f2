/** What one manifest may ask of this process. Each limit is named in the message that refuses what is above it. */
const MIB = 1024 * 1024;

/** Text that cannot be read item by item (flow style at the root, aliases) is parsed whole, up to this, over all files. */
export const WHOLE_BYTES_MAX = 64 * MIB;
/** Standard input and pipes are read once and kept, up to this. */
export const PIPED_BYTES_MAX = 512 * MIB;
/** One file after unpacking; a stop for compressed floods, far above a million monitors (about 470 MB). */
export const FILE_BYTES_MAX = 8192 * MIB;
/** One entry of `monitors:`, and one line of JSON lines. */
export const ITEM_BYTES_MAX = 4 * MIB;
/** Text parsed at once when a file is cut; small enough to stay in cache, large enough to hide the cost per call. */
export const CHUNK_BYTES = 256 * 1024;
/** Nesting of mappings and lists. */
export const DEPTH_MAX = 40;
/** `*alias` nodes in one document. */
export const ALIASES_MAX = 1_000_000;
/** Values of one document when every alias is written out: a short text must not stand for billions of values. */
export const EXPANDED_VALUES_MAX = 5_000_000;
/** A secret read through a `…_file` key. */
export const SECRET_BYTES_MAX = 64 * 1024;
/** Problems kept with their text; the counts go on. */
export const PROBLEMS_KEPT_MAX = 1000;
/** Problems printed. */
export const PROBLEMS_PRINTED_MAX = 100;
