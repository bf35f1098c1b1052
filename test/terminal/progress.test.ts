// Progress is shown on a terminal and nowhere else.
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
  columns = 80
  written = ''
  readonly cursorTo = (x: number) => cursorTo(this, x)
  readonly clearLine = () => clearLine(this, 0)
  readonly moveCursor = (x: number, y: number) => moveCursor(this, x, y)
  readonly isTTY: boolean

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString()
    done()
  }

  get frames(): string[] {
    return this.written.split(BEGIN_FRAME).slice(1).map(stripVTControlCharacters)
  }
}

const importing: ProgressState = { doing: 'Importing', unit: 'lines', done: 41_000, fraction: 0.41, perSecond: 5_000 }

describe('progressLine', () => {
  const { fraction: _, ...unknown } = importing
  const bar = 'Importing ████████▎             41%  41,000 lines · 12 s left'
  test.each<[string, ProgressState, number, string]>([
    ['has a bar, share, count, speed and time left', importing, 80, `${bar} · 5,000 lines/s`],
    ['is a counter without a fraction', unknown, 80, 'Importing 41,000 lines · 5,000 lines/s'],
    ['drops parts from the right', importing, 70, bar],
    ['drops all parts', importing, 30, 'Importing'],
    ['cuts the last one', importing, 6, 'Impor…'],
  ])('%s', (_, state, width, line) => {
    expect(progressLine(state, width)).toBe(line)
  })

  test.each<[Partial<ProgressState>, RegExp]>([
    [{ done: 0, fraction: 0, perSecond: 0 }, / 0% {2}0 lines · 0 lines\/s$/],
    [{ done: 100_000, fraction: 1 }, / 100% {2}100,000 lines · 5,000 lines\/s$/],
    [{ perSecond: 0 }, / 41% .*0 lines\/s$/],
    [{ fraction: -1 }, / 0% /],
    [{ fraction: Number.NaN }, / 0% /],
    [{ fraction: 1.2 }, / 100% /],
  ])('with %j shows no time left, and a share from 0 to 100 %%', (change, line) => {
    expect(progressLine({ ...importing, ...change }, 80)).toMatch(line)
  })

  test('is one line without control characters, never wider than asked for', () => {
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
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ])('writes nothing into %s', async (_, isTTY, environment, silent) => {
    const stream = new Terminal(isTTY)
    const progress = await startProgress({ stream, environment, silent })
    progress.update(importing)
    progress.stop()
    expect(stream.written).toBe('')
  })

  async function startOnTerminal() {
    const stream = new Terminal(true)
    return { stream, progress: await startProgress({ stream, environment: {}, silent: false }) }
  }

  test('draws from the first update on, at most ten times a second', async () => {
    const { stream, progress } = await startOnTerminal()
    expect(stream.written).toBe('')
    for (let ms = 0; ms < 1_000; ms += 1) {
      progress.update({ doing: 'Importing', unit: 'lines', done: ms, perSecond: 1 })
      vi.advanceTimersByTime(1)
    }
    progress.stop()
    expect(stream.frames).toHaveLength(10)
    expect(stream.frames[0]).toContain('Importing 0 lines')
    expect(stream.frames.at(-1)).toContain('Importing 900 lines')
  })

  test('fits the terminal, also after it got narrower; stop restores the cursor and ends drawing', async () => {
    const { stream, progress } = await startOnTerminal()
    for (const columns of [80, 60, 20]) {
      stream.columns = columns
      progress.update(importing)
      vi.advanceTimersByTime(100)
      expect(stringWidth(stream.frames.at(-1) ?? '')).toBeLessThan(columns)
    }
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
    [{ isTTY: true, columns: 132 }, { NO_COLOR: '1' }, { isTerminal: true, hasColour: false, width: 132 }],
    [{ isTTY: true, columns: 132 }, { CI: '' }, { isTerminal: true, width: 132 }],
  ])('%j with %j is %j', (stream, environment, screen) => {
    expect(screenOf(stream, environment)).toMatchObject(screen)
  })
})
