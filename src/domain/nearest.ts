import { distance } from 'fastest-levenshtein'

/** The candidate that a mistyped word most likely means; undefined if none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0]
  return near && near.edits <= Math.max(2, Math.floor(word.length / 3)) ? near.candidate : undefined
}
