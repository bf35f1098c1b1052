// The live view: all sections of the status on one screen, in a fixed order, cut off at the bottom.
import { groupThousands } from '../domain/money.js'
import { columnChart } from '../terminal/chart.js'
import { gridLines } from '../terminal/grid.js'
import { cutLine, fitLine, type Ink, type Line, lineWidth, part } from '../terminal/line.js'
import type { ScreenSize } from '../terminal/live-screen.js'
import { ago, capitalized, duration, tenths } from '../terminal/text.js'
import { nextSteps } from './next-steps.js'
import type { StatusModel } from './status-model.js'
import {
  type Figure,
  failureSection,
  importSection,
  orderFigures,
  queueFigures,
  type Section,
  scheduleSection,
  workerSection,
} from './status-sections.js'

/** Rows per list, whether alarms show their fixes, and whether blank lines separate the blocks. */
type Detail = Readonly<{ entries: number; fixes: boolean; spaced: boolean }>

const MIN_DETAIL: Detail = { entries: 2, fixes: false, spaced: false }
/** The view uses the first of these that fits the screen. */
const DETAILS: readonly Detail[] = [
  ...[50, 10, 5, 3].map((entries) => ({ entries, fixes: true, spaced: true })),
  ...[5, 3].map((entries) => ({ entries, fixes: false, spaced: true })),
  ...[5, 4, 3].map((entries) => ({ entries, fixes: false, spaced: false })),
]

/** Rows of the chart with its heading. It fills the rest of the screen. */
const MIN_CHART = 4
const MAX_CHART = 20

/** Fits the screen: at most `rows` lines, none wider than `columns`. */
export function watchView(model: StatusModel, { columns, rows }: ScreenSize): Line[] {
  const draw = (detail: Detail, chart: number) => drawBlocks(model, columns, detail, chart)
  const detail = DETAILS.find((one) => draw(one, MIN_CHART).length <= rows) ?? MIN_DETAIL
  const spare = Math.max(0, rows - draw(detail, MIN_CHART).length)
  const lines = draw(detail, Math.min(MIN_CHART + spare, MAX_CHART))
  return lines.slice(0, rows).map((line) => cutLine(line, columns))
}

/** If there is less room next to the figures, the schedule goes below the other lists. */
const SCHEDULE_WIDTH = 44

function drawBlocks(model: StatusModel, columns: number, { entries, fixes, spaced }: Detail, chart: number): Line[] {
  const list = ({ name, note, ...table }: Section, width = columns) =>
    gridLines({ title: `${name.toUpperCase()}${note}`, ...table }, entries, width)
  const unlessEmpty = (section: Section) => (section.rows.length > 0 ? [list(section)] : [])
  const [width, gap] = columns < 66 ? [29, 2] : [31, 4]
  const { queue } = model.status
  const heading = (title: string) => part(title, 'bold')
  const paused = queue.paused ? [part('  paused', 'warning')] : []
  const figures = [
    figureLines([heading('QUEUE'), ...paused], queueFigures(model.status), width),
    figureLines([heading('ORDERS')], orderFigures(model.status), width),
  ]
  const schedule = scheduleSection(model.schedule, model.now)
  const scheduleWidth = columns - 2 * (width + gap)
  const isWide = scheduleWidth >= SCHEDULE_WIDTH
  const blocks = [
    [titleLine(model, columns), ...noticeLines(model, fixes)],
    ...(columns < 2 * width + gap
      ? figures
      : [sideBySide(isWide ? [...figures, list(schedule, scheduleWidth)] : figures, width, gap)]),
    ...unlessEmpty(importSection(model)),
    throughputLines(model, columns, chart),
    list(workerSection(model)),
    ...unlessEmpty(failureSection(model)),
    ...(isWide ? [] : [list(schedule)]),
  ]
  return blocks.flatMap((lines, index) => (spaced && index > 0 ? [[], ...lines] : lines))
}

function titleLine({ status: { queue }, clock }: StatusModel, columns: number): Line {
  const left: Line = [part('orderctl status', 'bold'), part(` · ${queue.driver} queue`)]
  const right: Line = [part(` ${clock}`), part(' · q to quit', 'dim')]
  const room = columns - lineWidth(right)
  return room >= 24 ? [...fitLine(left, room), ...right] : left
}

/** Problems, worst first. */
function noticeLines({ status, unreachable, at, trouble, now, alarms: crossed }: StatusModel, fixes: boolean): Line[] {
  const { alarms, notes } = nextSteps(status, crossed)
  const say = (ink: Ink, text: string): Line => [part(`! ${text}`, ink)]
  return [
    ...(trouble ? [say('bad', `As of ${ago(at, now)}: ${trouble.message}`)] : []),
    ...(unreachable ? [say('bad', unreachable.message)] : []),
    ...notes.map((note) => say('warning', note)),
    ...alarms.flatMap(({ name, message, fix }) => {
      const alarm = say('bad', `Alarm ${name}: ${message}`)
      return fixes ? [alarm, [part(`  ${fix}`)]] : [alarm]
    }),
  ]
}

const FIGURE_WIDTH = 11

function figureLines(heading: Line, figures: readonly Figure[], width: number): Line[] {
  const lines = figures.map(({ label, text, ink }) => [
    ...fitLine([part(capitalized(label))], width - FIGURE_WIDTH),
    ...fitLine([part(text ?? '–', ink)], FIGURE_WIDTH, 'right'),
  ])
  return [cutLine(heading, width), ...lines]
}

function sideBySide(blocks: readonly (readonly Line[])[], width: number, gap: number): Line[] {
  const height = Math.max(...blocks.map((block) => block.length))
  return Array.from({ length: height }, (_, row) =>
    blocks.flatMap((block, index): Line => {
      const line = block[row] ?? []
      return index < blocks.length - 1 ? [...fitLine(line, width), part(' '.repeat(gap))] : line
    }),
  )
}

/** Averages over several steps, since batches end together and a single step would jump. */
const PACE_STEPS = 5

function throughputLines({ status: { throughput }, settled, stepMs }: StatusModel, width: number, height: number) {
  const perSecond = settled.map((count) => (count * 1000) / stepMs)
  const latest = perSecond.slice(-PACE_STEPS)
  const pace = latest.reduce((sum, rate) => sum + rate, 0) / Math.max(1, latest.length)
  const figures = [
    `  ${groupThousands(tenths(pace))} orders/s`,
    ` · last minute ${groupThousands(throughput.orders_per_minute)}`,
    ` · 5 min ${groupThousands(Math.round(throughput.orders_per_minute_5m))}/min`,
    ` · 1 h ${groupThousands(Math.round(throughput.orders_per_minute_1h))}/min`,
    ` · each column ${duration(stepMs / 1000)}`,
  ]
  let title: Line = [part('SETTLED', 'bold')]
  for (const figure of figures) {
    const longer = [...title, part(figure)]
    if (lineWidth(longer) > width) break
    title = longer
  }
  return [title, ...columnChart(perSecond, width, Math.max(0, height - 1))]
}
