// Durations counted in buckets that grow by a tenth: small to keep, exact to add up, and true to 5 % when read.

/** Bucket k holds durations from GROWTH^k up to GROWTH^(k + 1) milliseconds. */
const GROWTH = 1.1

/** What is shorter counts as this. */
const LEAST_MS = 0.1

/** How many durations fell into each bucket. Where one of several was kept by others, they are added bucket by bucket. */
export type Histogram = ReadonlyMap<number, number>

export function bucketOf(ms: number): number {
  return Math.floor(Math.log(Math.max(ms, LEAST_MS)) / Math.log(GROWTH))
}

/** The duration that stands for all of its bucket: no further than 4.9 % from any of them. */
function middleOf(bucket: number): number {
  return GROWTH ** (bucket + 0.5)
}

export function addHistograms(histograms: readonly Histogram[]): Histogram {
  const sum = new Map<number, number>()
  for (const histogram of histograms) {
    for (const [bucket, count] of histogram) sum.set(bucket, (sum.get(bucket) ?? 0) + count)
  }
  return sum
}

/** How many durations were counted. */
export function sizeOf(histogram: Histogram): number {
  return [...histogram.values()].reduce((sum, count) => sum + count, 0)
}

/** All durations together, in milliseconds, to 5 %. */
export function totalMs(histogram: Histogram): number {
  return [...histogram].reduce((sum, [bucket, count]) => sum + count * middleOf(bucket), 0)
}

/**
 * The shortest duration, in milliseconds, that at least this share of all do not exceed (0.5: the median), to 5 %; null
 * where nothing was counted.
 */
export function percentile(histogram: Histogram, share: number): number | null {
  const wanted = Math.max(1, Math.ceil(share * sizeOf(histogram)))
  let seen = 0
  for (const [bucket, count] of [...histogram].sort(([a], [b]) => a - b)) {
    seen += count
    if (seen >= wanted) return middleOf(bucket)
  }
  return null
}
