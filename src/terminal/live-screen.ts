// A screen of its own, drawn again and again. What was on the terminal before is there again afterwards, however the
// process ends, save by SIGKILL.
import type { ReadStream } from 'node:tty'
import type { Output } from './screen.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const CLEAR = '\u001b[2J'
// Cleared before it goes: where the screen was made larger, tmux leaves a part of it behind.
const LEAVE = `\u001b[?2026l\u001b[0m\u001b[H${CLEAR}\u001b[?7h\u001b[?25h\u001b[?1049l`
/** The terminal shows nothing of a frame before all of it is there. */
const BEGIN_FRAME = '\u001b[?2026h'
const END_FRAME = '\u001b[?2026l'

/** What the terminal itself makes of these keys while it is not in raw mode. */
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
  /** Writes the lines that differ from those that are there. None may be wider, and there may be no more, than the size. */
  draw(lines: readonly string[]): void
  /** Gives the terminal back as it was. May be called twice. */
  close(): void
}

interface LiveScreenOptions {
  readonly input: ReadStream
  readonly output: Output
  /** A key that was pressed, save those that are signals. */
  readonly onKey: (key: string) => void
  /** The screen has another size, or is empty: it is to be drawn. */
  readonly onRedraw: () => void
}

/** SIGINT and SIGTERM are left to the caller, who closes the screen. */
export function openLiveScreen({ input, output, onKey, onRedraw }: LiveScreenOptions): LiveScreen {
  /** Undefined where nobody knows what is there. */
  let drawn: readonly string[] | undefined
  let isShown = false
  const listeners = new Listeners()

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
      // To the whole foreground group, as from the terminal: a shell or npx that started us stops with us.
      if (signal === 'SIGTSTP') process.kill(0, signal)
      else if (signal) process.kill(process.pid, signal)
      else if (key === REDRAW_KEY) redraw()
      else onKey(key)
    }
  }

  show()
  listeners.add(process, 'exit', hide)
  listeners.add(process, 'SIGTSTP', () => {
    hide()
    process.kill(process.pid, 'SIGSTOP')
  })
  listeners.add(process, 'SIGCONT', () => {
    show()
    redraw()
  })
  for (const signal of ['SIGHUP', 'SIGQUIT'] as const) {
    listeners.add(process, signal, () => {
      // The terminal may be gone, which makes no difference to what follows.
      try {
        close()
      } finally {
        process.kill(process.pid, signal)
      }
    })
  }
  listeners.add(output, 'resize', redraw)
  if (input.isTTY) {
    input.setEncoding('utf8')
    listeners.add(input, 'data', press)
    input.resume()
  }

  function close(): void {
    listeners.removeAll()
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

/** Listeners that are taken off together. */
class Listeners {
  readonly #removals: (() => void)[] = []

  add<Args extends unknown[]>(emitter: NodeJS.EventEmitter, event: string, listener: (...args: Args) => void): void {
    emitter.on(event, listener)
    this.#removals.push(() => emitter.off(event, listener))
  }

  removeAll(): void {
    for (const remove of this.#removals.splice(0)) remove()
  }
}
