// How many batches a worker has in progress, as properties and as scenarios worked out by hand.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Load, nextScale, type Scale, wantedConcurrency } from '../../src/workflow/autoscale.js'

const limits = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 50 }))
  .map(([min, more]) => ({ min, max: min + more }))
const load: fc.Arbitrary<Load> = fc.record({
  waiting: fc.nat(10_000),
  batchMs: fc.option(fc.double({ min: 0, max: 60_000, noNaN: true }), { nil: undefined }),
})
const HORIZON = { min: 5, max: 20 }

/** The concurrency after each poll. */
function follow(loads: readonly Load[], within = HORIZON): number[] {
  let scale: Scale = { concurrency: within.min, calmFor: 0 }
  return loads.map((seen) => {
    scale = nextScale(scale, seen, within)
    return scale.concurrency
  })
}

const times = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item)

describe('whatever the load', () => {
  test('it stays within its limits, and goes up by at most two and down by one', () => {
    fc.assert(
      fc.property(limits, fc.array(load, { maxLength: 60 }), (within, loads) => {
        let before = within.min
        for (const now of follow(loads, within)) {
          expect(now).toBeGreaterThanOrEqual(within.min)
          expect(now).toBeLessThanOrEqual(within.max)
          expect(now - before).toBeLessThanOrEqual(2)
          expect(before - now).toBeLessThanOrEqual(1)
          before = now
        }
      }),
    )
  })

  test('it settles under a constant load and then stays', () => {
    fc.assert(
      fc.property(limits, fc.array(load, { maxLength: 60 }), load, (within, loads, lasting) => {
        const settled = follow([...loads, ...times(120, lasting)], within).slice(-20)
        expect(new Set(settled)).toEqual(new Set([wantedConcurrency(lasting, within)]))
      }),
    )
  })

  test('more waiting batches never lower it, and it never exceeds their number', () => {
    fc.assert(
      fc.property(limits, load, fc.nat(1000), (within, less, more) => {
        const wanted = wantedConcurrency(less, within)
        expect(wantedConcurrency({ ...less, waiting: less.waiting + more }, within)).toBeGreaterThanOrEqual(wanted)
        expect(wanted).toBeLessThanOrEqual(Math.max(within.min, less.waiting))
      }),
    )
  })
})

// The backlog should be gone in two seconds: batches waiting x seconds for one / 2.
test.each([
  { waiting: 400, batchMs: undefined, wanted: 5, why: 'no batch has ended yet' },
  { waiting: 13, batchMs: 1250, wanted: 9, why: '13 x 1.25 s / 2 s = 8.1' },
  { waiting: 400, batchMs: 1250, wanted: 20, why: '250 would be needed, 20 is the maximum' },
  { waiting: 7, batchMs: 60_000, wanted: 7, why: 'there are only 7 batches' },
  { waiting: 200, batchMs: 40, wanted: 5, why: 'fast batches: 200 x 40 ms / 2 s = 4' },
])('$waiting batches of $batchMs ms want $wanted at a time: $why', ({ wanted, ...seen }) => {
  expect(wantedConcurrency(seen, HORIZON)).toBe(wanted)
})

test('a backlog raises it from 5 to 20 in eight polls; after five quiet ones it goes down by one at a time', () => {
  const busy = times(9, { waiting: 400, batchMs: 1250 })
  const quiet = times(21, { waiting: 0, batchMs: 1250 })
  expect(follow([...busy, ...quiet])).toEqual([
    ...[7, 9, 11, 13, 15, 17, 19, 20, 20],
    ...[20, 20, 20, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 5, 5],
  ])
})

test('an alternating load does not make it go up and down', () => {
  const waves = times(30, [
    { waiting: 20, batchMs: 1000 },
    { waiting: 0, batchMs: 1000 },
    { waiting: 0, batchMs: 1000 },
  ]).flat()
  // 20 x 1 s / 2 s = 10.
  expect(new Set(follow(waves).slice(10))).toEqual(new Set([10]))
})
