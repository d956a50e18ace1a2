/** Finds what somebody probably meant to type. */

/** The candidate with the smallest edit distance, if it is near enough to be a likely slip. */
export function nearestName(found: string, candidates: Iterable<string>): string | undefined {
  const foundLower = found.toLowerCase();
  if (found.length > NAME_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length > NAME_LENGTH_MAX) continue;
    // A third of the letters may be wrong; a shorter match would be a guess.
    const distanceMax = Math.max(1, Math.floor(Math.max(found.length, candidate.length) / 3));
    if (Math.abs(found.length - candidate.length) > distanceMax) continue;
    const distance = editDistance(foundLower, candidate.toLowerCase());
    if (distance > distanceMax || distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Longer names are no slips of the hand, and the distance takes the product of both lengths. */
const NAME_LENGTH_MAX = 128;

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforePrevious[j - 2] ?? 0) + 1);
      }
      row.push(distance);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
