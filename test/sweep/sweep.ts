// Runs every step of the scenario with a fault at one call after the other, and reports what was wrong afterwards.
import { availableParallelism } from 'node:os'
import type { Lane } from './lane.js'
import { type Call, FAULTS, type Fault, meet, type Point, type RecordedStep, record } from './points.js'

export interface SweepOptions {
  /** Meets faults only at the calls that differ. */
  readonly sample: boolean
  /** Takes every k-th point. */
  readonly every: number
  /** Part of the names of the steps; a fault; the number of a call. All, if empty. */
  readonly only: string
  readonly fault: string
  readonly call: number
}

/** Most runs wait for pauses between attempts. */
const LANES = 4 * availableParallelism()
/** How often a sweep tells how far it is, in points. */
const PROGRESS = 100

interface Tally {
  faults: number
  /** Runs that ended before the call. */
  missed: number
  failures: number
  seconds: number
}

type Tallies = ReadonlyMap<RecordedStep, Tally>

/** A call that changes nothing cannot lose an answer that matters, and only servers answer later. */
function canMeet(fault: Fault, { isDurable, place }: Call): boolean {
  if (fault === 'lost') return isDurable
  return fault !== 'crash-after' || (isDurable && place === 'server')
}

function planPoints(steps: readonly RecordedStep[], options: SweepOptions): Point[] {
  const points = steps
    .filter(({ step }) => !step.isPrepared)
    .flatMap((recorded) =>
      recorded.calls.flatMap((call) =>
        FAULTS.filter((fault) => canMeet(fault, call)).map((fault) => ({ recorded, call, fault })),
      ),
    )
  const { every, only, fault: chosen, call: number } = options
  return (options.sample ? sample(points) : points)
    .filter(({ recorded, call, fault }) => {
      const isChosen = (chosen === '' || fault === chosen) && (number === 0 || call.number === number)
      return isChosen && recorded.step.name.includes(only)
    })
    .filter((_, index) => index % every === 0)
}

/**
 * Crashes before each change, since a crash between two reads leaves what the previous one left. Errors at the first
 * call of each text. At the last one, every second text fails for ever.
 */
function sample(points: readonly Point[]): Point[] {
  const byText = (fault: Fault, all: readonly Point[]) =>
    new Map(all.filter((point) => point.fault === fault).map((point) => [textOf(point.call), point])).values()
  const first = new Set(byText('error', points.toReversed()))
  const last = new Set([...byText('errors', points)].filter((_, index) => index % 2 === 0))
  return points.filter((point) => {
    if (point.fault === 'crash') return point.call.isDurable
    if (point.fault === 'error') return first.has(point)
    return point.fault !== 'errors' || last.has(point)
  })
}

/** Statements that differ in their beginning; all that create a table count as one. */
function textOf({ label }: Call): string {
  return label.replace(/^(create \w+).*/, '$1').slice(0, 60)
}

/** @returns what was wrong, point by point */
export async function sweep(options: SweepOptions, openLane: () => Promise<Lane>): Promise<string[]> {
  const lanes = await Promise.all(Array.from({ length: LANES }, openLane))
  try {
    const [first] = lanes
    const steps = first ? await record(first) : []
    const tallies = new Map(steps.map((recorded) => [recorded, { faults: 0, missed: 0, failures: 0, seconds: 0 }]))
    const points = planPoints(steps, options)
    const [total, failures]: [number, string[]] = [points.length, []]
    await Promise.all(
      lanes.map(async (lane) => {
        for (let point = points.shift(); point; point = points.shift()) {
          const wrong = await meetPoint(lane, point, tallies)
          failures.push(...wrong)
          for (const text of wrong) process.stdout.write(`${text}\n`)
          if (points.length % PROGRESS === 0) process.stdout.write(`${points.length} of ${total} points left\n`)
        }
      }),
    )
    report(tallies)
    return failures
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()))
  }
}

async function meetPoint(lane: Lane, point: Point, tallies: Tallies): Promise<string[]> {
  const { recorded, call, fault } = point
  const began = performance.now()
  const failed = (error: unknown) => ({ isMet: true, wrong: [String(error)] })
  const { isMet, wrong } = await meet(lane, point).catch(failed)
  const tally = tallies.get(recorded)
  if (tally) {
    tally.faults += 1
    tally.missed += isMet ? 0 : 1
    tally.failures += wrong.length > 0 ? 1 : 0
    tally.seconds += (performance.now() - began) / 1000
  }
  const place = `${recorded.step.name}: ${fault} at call ${call.number} (${call.place}: ${call.label.slice(0, 60)})`
  return wrong.length === 0 ? [] : [[place, ...wrong].join('\n  ')]
}

function report(tallies: Tallies): void {
  const rows = [...tallies]
    .filter(([, { faults }]) => faults > 0)
    .map(([{ step, calls }, tally]) => ({ ...{ step: step.name, calls: calls.length }, ...tally }))
  const sum = (of: 'calls' | 'faults' | 'missed' | 'failures') => rows.reduce((total, row) => total + row[of], 0)
  console.table(rows.map((row) => ({ ...row, seconds: Math.round(row.seconds) })))
  console.log(`${sum('calls')} calls, ${sum('faults')} faults, ${sum('failures')} failures`)
  if (sum('missed') > sum('faults') / 10) throw new Error(`${sum('missed')} runs ended before their call`)
}
