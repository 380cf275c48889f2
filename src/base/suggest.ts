/**
 * "Did you mean": the closest allowed word to a mistyped one. Runs only on the way to an error message.
 * Distance: optimal string alignment (Damerau–Levenshtein without repeated edits of one substring; Boytsov, "Indexing
 * methods for approximate dictionary searching", 2011, §2.2).
 */

/** The closest candidate within one edit per three characters (at least one), case ignored; undefined when none is close. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  // Longer words than any key of ours are not typing mistakes, and the distance is quadratic.
  if (word.length > 64) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Least number of insertions, deletions, substitutions and swaps of neighbours that turn one text into the other. */
function editDistance(from: string, to: string): number {
  const width = to.length + 1;
  let beforeLast = new Uint16Array(width);
  let last = Uint16Array.from({ length: width }, (_, index) => index);
  let current = new Uint16Array(width);
  for (let i = 1; i <= from.length; i++) {
    current[0] = i;
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let least = Math.min(
        (last[j] as number) + 1,
        (current[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] as number) + 1);
      }
      current[j] = least;
    }
    [beforeLast, last, current] = [last, current, beforeLast];
  }
  return last[to.length] as number;
}
