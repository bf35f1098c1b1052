// A line on stderr that says how far the work is, redrawn in place.
import ora from 'ora'
import stringWidth from 'string-width'
import { groupThousands } from '../domain/money.js'
import { blockBar } from './chart.js'
import { type Output, screenOf } from './screen.js'
import { cleanText, cutText, duration, padText } from './text.js'

export interface ProgressState {
  /** What is being done: `Importing`. */
  readonly doing: string
  /** What is counted: `lines`. */
  readonly unit: string
  readonly done: number
  /** The share that is done, from 0 to 1, if known. */
  readonly fraction?: number | undefined
  readonly perSecond: number
}

export interface Progress {
  /** Cheap: may be called for every item. */
  update(state: ProgressState): void
  /** Clears the line and gives the cursor back; until then the process stays alive. Later updates draw nothing. */
  stop(): void
}

const REDRAW_MS = 100
const BAR_WIDTH = 20
/** The spinner with its spaces, and the last column, where some terminals break the line. */
const SPINNER_WIDTH = 4

/** Draws from the first update on. Writes nothing if `silent` or without a terminal. */
export function startProgress({
  stream,
  environment,
  silent,
}: {
  readonly stream: Output
  readonly environment: NodeJS.ProcessEnv
  readonly silent: boolean
}): Progress {
  if (silent || !screenOf(stream, environment).isTerminal) return { update() {}, stop() {} }
  let latest: ProgressState | undefined
  let drawnAt = 0
  let stopped = false
  const line = () => {
    drawnAt = Date.now()
    const width = screenOf(stream, environment).width ?? 0
    return latest ? progressLine(latest, width - SPINNER_WIDTH) : ''
  }
  // With discardStdin, ora would read stdin in raw mode, where Ctrl-C is not a signal.
  const options = { isEnabled: true, discardStdin: false, color: false, interval: REDRAW_MS } as const
  const spinner = ora({ ...options, stream, suffixText: line })
  return {
    update(state) {
      if (stopped) return
      latest = state
      if (!spinner.isSpinning) spinner.start()
      // Synchronous work keeps ora's timer from firing.
      else if (Date.now() - drawnAt >= REDRAW_MS) spinner.render()
    },
    stop() {
      if (!stopped) spinner.stop()
      stopped = true
    },
  }
}

/** As many parts as fit the width, the most important first. */
export function progressLine(state: ProgressState, width: number): string {
  const { fraction } = state
  const count = `${groupThousands(state.done)} ${state.unit}`
  const rate = ` · ${groupThousands(Math.round(state.perSecond))} ${state.unit}/s`
  const parts =
    fraction === undefined ? [` ${count}`, rate] : [gauge(fraction), `  ${count}`, rate, timeLeft(state, fraction)]
  let line = cutText(cleanText(state.doing), width)
  for (const part of parts) {
    if (stringWidth(line + part) > width) break
    line += part
  }
  return line
}

function gauge(fraction: number): string {
  const percent = fraction > 0 ? Math.floor(Math.min(1, fraction) * 100) : 0
  return ` ${padText(blockBar(fraction, BAR_WIDTH), BAR_WIDTH)} ${String(percent).padStart(3)}%`
}

function timeLeft({ done, perSecond }: ProgressState, fraction: number): string {
  if (!(perSecond > 0 && fraction > 0 && fraction < 1)) return ''
  const remaining = done / fraction - done
  return ` · ${duration(Math.ceil(remaining / perSecond))} left`
}
