// Numbers as horizontal bars, or as one line of columns, of block characters.
import stringWidth from 'string-width'
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

/** A bar of up to `width` columns, to an eighth of a column. What is not nothing shows. */
export function blockBar(fraction: number, width: number): string {
  const share = Math.min(1, fraction)
  const eighths = Math.max(share > 0 && width > 0 ? 1 : 0, Math.round(share * width * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** A column a value, the highest one as a full block; a space for zero, so that what is not nothing shows. */
export function sparkline(values: readonly number[]): string {
  const highest = values.reduce((most, value) => Math.max(most, value), 0)
  return values
    .map((value) => (value > 0 ? (LEVELS[Math.max(0, Math.ceil((value / highest) * LEVELS.length) - 1)] ?? ' ') : ' '))
    .join('')
}
