/** Returns the delay before the next attempt, in milliseconds. It doubles with each failure, up to `longestMs`. */
export function backoffMs(failures: number, firstMs: number, longestMs: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs)
}
