// Charts of block characters: bars in a table, and columns over time.
import { groupThousands } from '../domain/money.js'
import { type Line, part } from './line.js'
import { padText } from './text.js'

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of up to `width` columns, in eighths of a column. Any value above zero is visible. */
export function blockBar(fraction: number, width: number): string {
  const share = Math.min(1, fraction)
  const eighths = Math.max(share > 0 && width > 0 ? 1 : 0, Math.round(share * width * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

const LEVELS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** One column per value; the highest is a full block. Only zero is a space. */
export function sparkline(values: readonly number[]): string {
  const highest = values.reduce((most, value) => Math.max(most, value), 0)
  return values.map((value) => LEVELS[highest > 0 ? Math.ceil((value / highest) * 8) : 0]).join('')
}

/** Fixed, so that the axis stays in place while the scale ranges from 10 to 5,000,000. */
const LABEL_WIDTH = 9

/**
 * Draws the latest values that fit the width, the last one at the right edge, on `height` lines. The scale ends at 1, 2
 * or 5 times a power of ten, so that it seldom changes. Any value above zero is visible.
 */
export function columnChart(values: readonly number[], width: number, height: number): Line[] {
  const columns = Math.max(0, width - LABEL_WIDTH - 2)
  const shown = columns === 0 ? [] : values.slice(-columns)
  const top = scaleTop(shown.reduce((most, value) => Math.max(most, value), 0))
  const eighths = shown.map((value) => (value > 0 ? Math.max(1, Math.round((value / top) * height * 8)) : 0))
  const empty = ' '.repeat(columns - shown.length)
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * 8
    const blocks = eighths.map((count) => LEVELS[Math.min(8, Math.max(0, count - below))]).join('')
    const label = row === 0 ? groupThousands(top) : row === height - 1 ? '0' : ''
    const axis = part(`${padText(label, LABEL_WIDTH, 'right')} ${label === '' ? '│' : '┤'}`, 'dim')
    return [axis, part(empty + blocks, 'good')]
  })
}

/** The smallest of 10, 20, 50, 100, … that is at least the value. */
function scaleTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 10)))
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value) ?? value
}
