// A screen of its own, drawn again and again. What was on the terminal before is there again afterwards, however the
// process ends, except by SIGKILL.
import type { ReadStream } from 'node:tty'
import type { Output } from './screen.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const CLEAR = '\u001b[2J'
// Cleared first: tmux leaves a part of a screen behind that was made larger.
const LEAVE = `\u001b[?2026l\u001b[0m\u001b[H${CLEAR}\u001b[?7h\u001b[?25h\u001b[?1049l`
/** The terminal shows a frame once all of it is there. */
const BEGIN_FRAME = '\u001b[?2026h'
const END_FRAME = '\u001b[?2026l'

/** What the terminal makes of these keys outside raw mode. */
const SIGNALS: ReadonlyMap<string, NodeJS.Signals> = new Map([
  ['\u0003', 'SIGINT'],
  ['\u001a', 'SIGTSTP'],
  ['\u001c', 'SIGQUIT'],
])
const REDRAW_KEY = '\u000c'
const ESCAPE = '\u001b'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

export interface LiveScreen {
  readonly size: ScreenSize
  /** Writes the lines that differ from those on the screen. They must fit its size. */
  draw(lines: readonly string[]): void
  /** Restores the terminal. May be called twice. */
  close(): void
}

interface LiveScreenOptions {
  readonly input: ReadStream
  readonly output: Output
  /** A key that was pressed and is no signal. */
  readonly onKey: (key: string) => void
  /** The screen must be drawn: it is empty or has another size. */
  readonly onRedraw: () => void
}

/** SIGINT and SIGTERM are left to the caller, who closes the screen. */
export function openLiveScreen({ input, output, onKey, onRedraw }: LiveScreenOptions): LiveScreen {
  /** Undefined if what is on the terminal is not known. */
  let drawn: readonly string[] | undefined
  let isShown = false
  const removals: (() => void)[] = []
  const listen = <Args extends unknown[]>(
    emitter: NodeJS.EventEmitter,
    event: string,
    listener: (...args: Args) => void,
  ) => {
    emitter.on(event, listener)
    removals.push(() => emitter.off(event, listener))
  }

  const show = () => {
    isShown = true
    drawn = undefined
    if (input.isTTY) input.setRawMode(true)
    output.write(ENTER)
  }
  const hide = () => {
    if (!isShown) return
    isShown = false
    output.write(LEAVE)
    if (input.isTTY) input.setRawMode(false)
  }
  const redraw = () => {
    drawn = undefined
    if (isShown) onRedraw()
  }
  const press = (keys: string) => {
    // Arrows and the like come as a sequence, which may hold letters.
    if (keys.startsWith(ESCAPE)) return
    for (const key of keys) {
      const signal = SIGNALS.get(key)
      // To the foreground group, as from the terminal: a shell or npx that started us stops with us.
      if (signal === 'SIGTSTP') process.kill(0, signal)
      else if (signal) process.kill(process.pid, signal)
      else if (key === REDRAW_KEY) redraw()
      else onKey(key)
    }
  }

  show()
  listen(process, 'exit', hide)
  listen(process, 'SIGTSTP', () => {
    hide()
    process.kill(process.pid, 'SIGSTOP')
  })
  listen(process, 'SIGCONT', () => {
    show()
    redraw()
  })
  for (const signal of ['SIGHUP', 'SIGQUIT'] as const) {
    listen(process, signal, () => {
      // The terminal may be gone.
      try {
        close()
      } finally {
        process.kill(process.pid, signal)
      }
    })
  }
  listen(output, 'resize', redraw)
  if (input.isTTY) {
    input.setEncoding('utf8')
    listen(input, 'data', press)
    input.resume()
  }

  function close(): void {
    for (const remove of removals.splice(0)) remove()
    hide()
    if (input.isTTY) input.pause()
  }

  return {
    get size() {
      return { columns: output.columns ?? 80, rows: output.rows ?? 24 }
    },
    draw(lines) {
      const changes = drawn ? changedLines(drawn, lines) : CLEAR + changedLines([], lines)
      drawn = lines
      if (changes !== '' && isShown) output.write(BEGIN_FRAME + changes + END_FRAME)
    },
    close,
  }
}

function changedLines(before: readonly string[], lines: readonly string[]): string {
  // Cleared first: behind a line that fills the screen, clearing would take its last letter.
  const lineAt = (text: string, row: number) => `\u001b[${row + 1};1H\u001b[2K${text}`
  const changed = lines.map((text, row) => (text === before[row] ? '' : lineAt(text, row))).join('')
  const rest = before.length > lines.length ? `\u001b[${lines.length + 1};1H\u001b[J` : ''
  return changed + rest
}
