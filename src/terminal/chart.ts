// Numbers drawn with block characters: as horizontal bars, or over time as columns.
import stringWidth from 'string-width'
import { groupThousands } from '../domain/money.js'
import { type Line, part } from './line.js'
import { cleanText, cutText, padText } from './text.js'

export interface Bar {
  readonly label: string
  readonly value: number
  /** The value as a person reads it. */
  readonly text: string
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** One line a bar, label left and text right, the largest value as long as the room allows. */
export function barChart(bars: readonly Bar[], width = 80): string {
  const lines = bars.map((bar) => ({ label: cleanText(bar.label), text: cleanText(bar.text), value: bar.value }))
  const widest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0)
  const labelWidth = Math.min(widest(lines.map((line) => line.label)), Math.floor(width / 3))
  const textWidth = widest(lines.map((line) => line.text))
  const barWidth = Math.max(0, width - labelWidth - textWidth - 2)
  const largest = lines.reduce((most, line) => Math.max(most, line.value), 0)
  return lines
    .map(({ label, text, value }) => {
      const bar = padText(blockBar(largest > 0 ? value / largest : 0, barWidth), barWidth)
      const left = padText(cutText(label, labelWidth), labelWidth)
      return cutText(`${left} ${bar} ${padText(text, textWidth, 'right')}`, width)
    })
    .join('\n')
}

/** A bar of up to `width` columns, to an eighth of a column. Any value above zero shows. */
export function blockBar(fraction: number, width: number): string {
  const share = Math.min(1, fraction)
  const eighths = Math.max(share > 0 && width > 0 ? 1 : 0, Math.round(share * width * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

const LEVELS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** A column for each value, the highest a full block. Only zero is a space. */
export function sparkline(values: readonly number[]): string {
  const highest = values.reduce((most, value) => Math.max(most, value), 0)
  return values.map((value) => LEVELS[highest > 0 ? Math.ceil((value / highest) * 8) : 0]).join('')
}

/** Keeps the axis in place while the top of the scale goes from 10 to 5,000,000. */
const LABEL_WIDTH = 9

/**
 * As many of the latest values as the width has columns, the last one at the right edge, over `height` lines. The scale
 * ends at 1, 2 or 5 times a power of ten, so that it seldom changes. The smallest value shows.
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

/** The least of 10, 20, 50, 100, … that is not below the value. */
function scaleTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 10)))
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value) ?? value
}
