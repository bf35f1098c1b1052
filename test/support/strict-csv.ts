// A second reader of CSV that shares no code with the first. It reads only text whose records are beyond doubt.
import type { Dialect } from '../../src/csv/dialect.js'

export interface StrictRecord {
  /** Its first physical line. */
  readonly line: number
  readonly cells: readonly string[]
}

/**
 * @param width number of columns
 * @returns undefined for text with quotes or line ends that can be read in several ways
 */
export function readStrictly(
  text: string,
  firstLine: number,
  width: number,
  { delimiter, quotes, lineEnding }: Dialect,
): StrictRecord[] | undefined {
  const mark = delimiter === '|' ? '\\|' : delimiter
  const plain = quotes ? `(?:[^"${mark}\r\n][^${mark}\r\n]*)?` : `[^${mark}\r\n]*`
  const cell = new RegExp(`${quotes ? '"([^"]*(?:""[^"]*)*)"|' : ''}${plain}`, 'y')
  const end = lineEnding === '\n' ? /\r*\n|\r*$/y : /\r|$/y
  const records: StrictRecord[] = []
  let line = firstLine
  for (let at = 0; at < text.length; ) {
    const start = at
    const cells: string[] = []
    do {
      cell.lastIndex = at
      const [found = '', quoted] = cell.exec(text) ?? []
      cells.push(quoted === undefined ? found : quoted.replaceAll('""', '"'))
      at += found.length
    } while (text[at] === delimiter && ++at)
    end.lastIndex = at
    const ending = end.exec(text)
    if (!ending) return undefined
    const lines = text.slice(start, at).split(lineEnding).length
    const fits = cells.length >= width && cells.every((cell, index) => index < width || cell === '')
    if ((lines > 1 && !fits) || at - start > 200_000) return undefined
    records.push({ line, cells })
    line += lines
    at += ending[0].length
  }
  return records
}
