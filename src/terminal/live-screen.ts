// Draws on the terminal's alternate screen. Restores the terminal however the process ends, except by SIGKILL.
import type { ReadStream } from 'node:tty'
import type { Output } from './screen.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const CLEAR = '\u001b[2J'
// Clears first, since tmux leaves remains of an enlarged screen.
const LEAVE = `\u001b[?2026l\u001b[0m\u001b[H${CLEAR}\u001b[?7h\u001b[?25h\u001b[?1049l`
/** Between these codes, the terminal collects output and shows it as one frame. */
const BEGIN_FRAME = '\u001b[?2026h'
const END_FRAME = '\u001b[?2026l'

/** Keys that the terminal turns into signals, except in raw mode. */
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

export type LiveScreen = ReturnType<typeof openLiveScreen>

interface LiveScreenOptions {
  readonly input: ReadStream
  readonly output: Output
  /** Called for each key that is not a signal. */
  readonly onKey: (key: string) => void
  /** Called when the screen was cleared or resized. */
  readonly onRedraw: () => void
}

/** The caller handles SIGINT and SIGTERM and closes the screen. */
export function openLiveScreen({ input, output, onKey, onRedraw }: LiveScreenOptions) {
  /** Undefined if the content of the terminal is unknown. */
  let drawn: readonly string[] | undefined
  let isShown = false
  const removals: (() => void)[] = []
  const listen = (emitter: NodeJS.EventEmitter, event: string, listener: (keys: string) => void) => {
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
    // Arrow keys and others send escape sequences, which may contain letters.
    if (keys.startsWith(ESCAPE)) return
    for (const key of keys) {
      const signal = SIGNALS.get(key)
      // Sent to the foreground group, as the terminal does, so that a parent shell or npx stops too.
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
      // Fails if the terminal is gone.
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

  /** Restores the terminal. May be called twice. */
  function close(): void {
    for (const remove of removals.splice(0)) remove()
    hide()
    if (input.isTTY) input.pause()
  }

  return {
    get size(): ScreenSize {
      return { columns: output.columns ?? 80, rows: output.rows ?? 24 }
    },
    /** Writes only the lines that changed. All lines must fit the screen. */
    draw(lines: readonly string[]): void {
      const changes = drawn ? changedLines(drawn, lines) : CLEAR + changedLines([], lines)
      drawn = lines
      if (changes !== '' && isShown) output.write(BEGIN_FRAME + changes + END_FRAME)
    },
    close,
  }
}

function changedLines(before: readonly string[], lines: readonly string[]): string {
  // Clears before writing: clearing after a line of full width would remove its last character.
  const lineAt = (text: string, row: number) => `\u001b[${row + 1};1H\u001b[2K${text}`
  const changed = lines.map((text, row) => (text === before[row] ? '' : lineAt(text, row))).join('')
  const rest = before.length > lines.length ? `\u001b[${lines.length + 1};1H\u001b[J` : ''
  return changed + rest
}
