// Numbers over time as columns of block characters.
import { groupThousands } from '../domain/money.js'
import { type Line, part } from './line.js'
import { padText } from './text.js'

const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** So that the axis stays where it is while the top of the scale goes from 10 to 5,000,000. */
const LABEL_WIDTH = 9

/**
 * As many of the latest values as the width has columns, the last one at the right edge, over `height` lines. The scale
 * ends at 1, 2 or 5 times a power of ten, so that it seldom changes. What is not nothing shows.
 */
export function columnChart(values: readonly number[], width: number, height: number): Line[] {
  const columns = Math.max(0, width - LABEL_WIDTH - 2)
  const shown = columns === 0 ? [] : values.slice(-columns)
  const top = scaleTop(shown.reduce((most, value) => Math.max(most, value), 0))
  const eighths = shown.map((value) => (value > 0 ? Math.max(1, Math.round((value / top) * height * 8)) : 0))
  const empty = ' '.repeat(columns - shown.length)
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * 8
    const blocks = eighths.map((count) => EIGHTHS[Math.min(8, Math.max(0, count - below))]).join('')
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
