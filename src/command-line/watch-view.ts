// The live view: all that matters on one screen of any size. What a screen is too small for is left out, the least
// important first.
import type { Alarm } from '../reports/alarms.js'
import { cutLine, fitLine, type Line, lineWidth, part } from '../terminal/line.js'
import type { ScreenSize } from '../terminal/live-screen.js'
import { nextSteps } from './next-steps.js'
import {
  alarmLines,
  FIGURES_WIDTH,
  failureLines,
  noticeLines,
  orderLines,
  queueLines,
  scheduleLines,
  throughputLines,
  type WatchState,
  workerLines,
} from './watch-sections.js'

/** A part of the screen, from top to bottom in the order of the list. */
interface Section {
  /** 1 is kept longest. */
  readonly rank: number
  /** With fewer lines it is left out. */
  readonly least: number
  /** It has as many before any has more than is enough. */
  readonly enough: number
  readonly most: number
  /** Stands right under the section before it. */
  readonly joined?: boolean
  /** Takes what the others leave. */
  readonly stretches?: boolean
  draw(height: number): readonly Line[]
}

/** Between blocks that stand side by side. */
const GAP = 4

/** A schedule tells something from this width on. */
const SCHEDULE_WIDTH = 44

/** Heading, axis labels and a line between them; and as much as the eye can use. */
const LEAST_CHART = 4
const MOST_CHART = 20

/** At most as many lines as the screen has rows, and none wider than it has columns. */
export function watchView(state: WatchState, { columns, rows }: ScreenSize): Line[] {
  const sections = sectionsOf(state, columns)
  const heights = shareRows(sections, rows)
  const spare = rows - heights.reduce((sum, height) => sum + height, 0)
  // Where there is not a blank line for each, the lists at the bottom have them: they look most alike.
  const spaced = new Set(spare > 0 ? separated(sections, heights).slice(-spare) : [])
  const lines = sections.flatMap((section, index) => {
    const height = heights[index] ?? 0
    const drawn = height > 0 ? section.draw(height).slice(0, height) : []
    return spaced.has(section) ? [[], ...drawn] : drawn
  })
  return lines.slice(0, rows).map((line) => cutLine(line, columns))
}

function sectionsOf(state: WatchState, columns: number): Section[] {
  const { status } = state
  const { alarms, notes } = nextSteps(status, state.alarms)
  const blocks = [queueLines(status), orderLines(state)]
  const isWide = columns >= 2 * (FIGURES_WIDTH + GAP) + SCHEDULE_WIDTH
  const scheduleWidth = columns - 2 * (FIGURES_WIDTH + GAP)
  const figures =
    columns < 2 * FIGURES_WIDTH + GAP
      ? blocks.map((block, index) => fixed(block, 2 + index, 2))
      : [fixed(sideBySide(isWide ? [...blocks, scheduleLines(state, scheduleWidth)] : blocks), 2, 2)]
  return [
    fixed([titleLine(state, columns)], 1, 1),
    { ...fixed(noticeLines(state, notes), 1, 1), joined: true },
    { ...alarmSection(alarms), joined: true },
    ...figures,
    {
      rank: 5,
      least: LEAST_CHART,
      enough: LEAST_CHART,
      most: MOST_CHART,
      stretches: true,
      draw: (height) => throughputLines(state, columns, height),
    },
    list(workerLines(status, columns), status.workers.length, 4),
    ...(status.failures.length > 0 ? [list(failureLines(status, columns), status.failures.length, 6)] : []),
    ...(isWide ? [] : [list(scheduleLines(state, columns), state.schedule.length, 7)]),
  ]
}

function titleLine({ status: { queue }, clock }: WatchState, columns: number): Line {
  const left: Line = [part('orderctl status', 'bold'), part(` · ${queue.driver} queue`)]
  const right: Line = [part(clock), part(' · q leaves', 'dim')]
  const room = columns - lineWidth(right)
  return room >= 24 ? [...fitLine(left, room), ...right] : left
}

function fixed(lines: readonly Line[], rank: number, least: number): Section {
  const { length } = lines
  return { rank, least: Math.min(least, length), enough: length, most: length, draw: () => lines }
}

/** What is wrong comes before figures and lists, what to do about it where there are rows to spare. */
function alarmSection(alarms: readonly Alarm[]): Section {
  const { length } = alarms
  const draw = (height: number) => alarmLines(alarms, height)
  return { rank: 1, least: Math.min(2, length), enough: length, most: 2 * length, draw }
}

/** A heading and its entries; where some do not fit, the last line says how many. */
function list(lines: readonly Line[], entries: number, rank: number): Section {
  const least = Math.min(3, lines.length)
  return {
    rank,
    least,
    enough: least,
    most: lines.length,
    draw(height) {
      if (height >= lines.length) return lines
      const missing = entries - (height - 2)
      return [...lines.slice(0, height - 1), [part(`… ${missing} more`, 'dim')]]
    },
  }
}

/**
 * How many rows each section gets: first the least of each, the important ones before the others; then enough for each, in
 * the same order; then alarms and lists grow, each by a row in turn; then there is a blank line between sections; what is
 * left is the chart's.
 */
function shareRows(sections: readonly Section[], rows: number): number[] {
  const heights = sections.map(() => 0)
  let left = rows
  const grow = (index: number, by: number) => {
    heights[index] = (heights[index] ?? 0) + by
    left -= by
  }
  const byRank = [...sections.entries()].sort(([, a], [, b]) => a.rank - b.rank)
  for (const [index, { least }] of byRank) {
    if (least > left) break
    grow(index, least)
  }
  const lists = byRank.filter(([index, { stretches }]) => !stretches && (heights[index] ?? 0) > 0)
  for (const [index, { enough }] of lists) grow(index, Math.min(left, enough - (heights[index] ?? 0)))
  for (let before = rows + 1; left < before; ) {
    before = left
    for (const [index, { most }] of lists) grow(index, Math.min(left, 1, most - (heights[index] ?? 0)))
  }
  left -= Math.min(left, separated(sections, heights).length)
  for (const [index, { stretches, most }] of byRank) {
    const height = heights[index] ?? 0
    if (stretches && height > 0) grow(index, Math.min(left, most - height))
  }
  return heights
}

/** The sections that have a blank line above them, where there are rows for it. */
function separated(sections: readonly Section[], heights: readonly number[]): Section[] {
  return sections.filter(({ joined }, index) => index > 0 && !joined && (heights[index] ?? 0) > 0)
}

function sideBySide(blocks: readonly (readonly Line[])[]): Line[] {
  const height = blocks.reduce((most, block) => Math.max(most, block.length), 0)
  return Array.from({ length: height }, (_, row) =>
    blocks.flatMap((block, index): Line => {
      const line = block[row] ?? []
      return index < blocks.length - 1 ? [...fitLine(line, FIGURES_WIDTH), part(' '.repeat(GAP))] : line
    }),
  )
}
