// Suggests a correction for a mistyped word.
import { distance } from 'fastest-levenshtein'

/** Returns the candidate most similar to a mistyped word; undefined if none is similar. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0]
  return near && near.edits <= Math.max(2, Math.floor(word.length / 3)) ? near.candidate : undefined
}
