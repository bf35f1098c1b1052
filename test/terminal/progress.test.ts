// Progress shows how far the work is on a terminal, and is silent everywhere else.
import { clearLine, cursorTo, moveCursor } from 'node:readline'
import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ProgressState, progressLine, startProgress } from '../../src/terminal/progress.js'
import { screenOf } from '../../src/terminal/screen.js'
import { cleanText } from '../../src/terminal/text.js'
import { anyText } from '../support/any-text.js'

const SHOW_CURSOR = '\u001b[?25h'
const BEGIN_FRAME = '\u001b[?2026h'

class Terminal extends Writable {
  readonly isTTY: boolean
  columns = 80
  written = ''

  constructor(isTTY = true) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString()
    done()
  }

  cursorTo(x: number): boolean {
    return cursorTo(this, x)
  }

  clearLine(): boolean {
    return clearLine(this, 0)
  }

  moveCursor(x: number, y: number): boolean {
    return moveCursor(this, x, y)
  }

  get frames(): string[] {
    return this.written.split(BEGIN_FRAME).slice(1).map(stripVTControlCharacters)
  }
}

const importing: ProgressState = { doing: 'Importing', unit: 'lines', done: 41_000, total: 100_000, perSecond: 5_000 }
const counting: ProgressState = { doing: 'Importing', unit: 'lines', done: 41_000, perSecond: 92_000 }

describe('progressLine', () => {
  test('with a total: bar, share, count, speed and time left', () => {
    expect(progressLine(importing, 80)).toBe(
      'Importing ████████▎             41%  41,000 lines · 5,000 lines/s · 12 s left',
    )
  })

  test('a fraction says the same', () => {
    const { total, ...rest } = importing
    expect(progressLine({ ...rest, fraction: importing.done / (total ?? 1) }, 80)).toBe(progressLine(importing, 80))
  })

  test('without either: a counter', () => {
    expect(progressLine(counting, 80)).toBe('Importing 41,000 lines · 92,000 lines/s')
  })

  test('drops parts from the right', () => {
    expect(progressLine(importing, 70)).toBe('Importing ████████▎             41%  41,000 lines · 5,000 lines/s')
    expect(progressLine(importing, 30)).toBe('Importing')
    expect(progressLine(importing, 6)).toBe('Impor…')
  })

  test('names no time left before anything is done, and none when all is', () => {
    expect(progressLine({ ...importing, done: 0, perSecond: 0 }, 80)).toMatch(/ 0% {2}0 lines · 0 lines\/s$/)
    expect(progressLine({ ...importing, done: 100_000 }, 80)).toMatch(/ 100% {2}100,000 lines · 5,000 lines\/s$/)
  })

  test('a share beyond the ends stays between them, and a standstill has no end in sight', () => {
    const shares = [-1, Number.NaN, 1.2].map(
      (fraction) => /\d+%/.exec(progressLine({ ...importing, fraction }, 80))?.[0],
    )
    expect(shares).toEqual(['0%', '0%', '100%'])
    expect(progressLine({ ...importing, perSecond: 0 }, 80)).toMatch(/0 lines\/s$/)
  })

  test('is one clean line, never wider than asked for', () => {
    const state = fc.record({
      doing: anyText,
      unit: fc.constantFrom('lines', 'orders'),
      done: fc.nat(),
      fraction: fc.double({ min: -1, max: 2 }),
      perSecond: fc.double({ min: 0, max: 1e9, noNaN: true }),
    })
    fc.assert(
      fc.property(state, fc.integer({ min: -4, max: 100 }), (any, width) => {
        const line = progressLine(any, width)
        expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(0, width))
        expect(cleanText(line)).toBe(line)
      }),
    )
  })
})

describe('startProgress', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  test.each([
    ['a pipe', false, {}, false],
    ['--json', true, {}, true],
    ['CI', true, { CI: 'true' }, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ])('writes nothing into %s', (_, isTTY, environment, silent) => {
    const stream = new Terminal(isTTY)
    const progress = startProgress({ stream, environment, silent })
    progress.update(importing)
    progress.stop()
    expect(stream.written).toBe('')
  })

  test('draws from the first update on, in update itself, ten times a second at most', () => {
    const stream = new Terminal()
    const progress = startProgress({ stream, environment: {}, silent: false })
    expect(stream.written).toBe('')
    for (let ms = 0; ms < 1_000; ms += 1) {
      progress.update({ ...counting, done: ms })
      vi.advanceTimersByTime(1)
    }
    progress.stop()
    expect(stream.frames).toHaveLength(10)
    expect(stream.frames[0]).toContain('Importing 0 lines')
    expect(stream.frames.at(-1)).toContain('Importing 900 lines')
  })

  test('keeps to the width of the terminal, also after it was made narrower', () => {
    const stream = new Terminal()
    const progress = startProgress({ stream, environment: {}, silent: false })
    for (const columns of [80, 60, 20]) {
      stream.columns = columns
      progress.update(importing)
      vi.advanceTimersByTime(100)
      expect(stringWidth(stream.frames.at(-1) ?? '')).toBeLessThan(columns)
    }
    progress.stop()
  })

  test('gives the cursor back, and draws nothing afterwards', () => {
    const stream = new Terminal()
    const progress = startProgress({ stream, environment: {}, silent: false })
    progress.update(importing)
    progress.stop()
    expect(stream.written.endsWith(SHOW_CURSOR)).toBe(true)
    const written = stream.written
    vi.advanceTimersByTime(500)
    progress.update(importing)
    progress.stop()
    expect(stream.written).toBe(written)
  })
})

describe('screenOf', () => {
  test.each([
    [{ isTTY: false, columns: 80 }, {}, { isTerminal: false, width: undefined }],
    [{}, {}, { isTerminal: false, width: undefined }],
    [{ isTTY: true, columns: 132 }, {}, { isTerminal: true, width: 132 }],
    [{ isTTY: true, columns: 0 }, {}, { isTerminal: false, width: 80 }],
    [{ isTTY: true, columns: 132 }, { NO_COLOR: '1' }, { isTerminal: false, width: 132 }],
    [{ isTTY: true, columns: 132 }, { CI: '' }, { isTerminal: true, width: 132 }],
  ])('%j with %j is %j', (stream, environment, screen) => {
    expect(screenOf(stream, environment)).toEqual(screen)
  })
})
