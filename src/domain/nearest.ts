// Suggests a correction for a mistyped word.
import { distance } from 'fastest-levenshtein'

/**
 * Returns the candidate most similar to a mistyped word; undefined if none is similar.
 *
 * @param most letters that may differ
 */
export function nearest(
  word: string,
  candidates: readonly string[],
  most = Math.max(2, Math.floor(word.length / 3)),
): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0]
  return near && near.edits <= most ? near.candidate : undefined
}

/** For values, where a wrong suggestion misleads: at most two letters differ, one in a short word. */
export function nearlyIdentical(word: string, candidates: readonly string[]): string | undefined {
  return nearest(word, candidates, word.length < 5 ? 1 : 2)
}
