// A progress line on stderr, redrawn in place.
import { groupThousands } from '../domain/money.js'
import { blockBar } from './chart.js'
import { asciiOf, type Output, screenOf } from './screen.js'
import { cleanText, countOf, cutText, duration, padText } from './text.js'
import { widthOf } from './text-width.js'

export interface ProgressState {
  /** The activity: `Importing`. */
  readonly doing: string
  /** The unit of `done`, in the plural: `lines`. */
  readonly unit: string
  readonly done: number
  /** The completed share from 0 to 1, if known. */
  readonly fraction?: number | undefined
  readonly perSecond: number
}

export interface Progress {
  /** Shows the state, or a line of text. Cheap enough to call for every item. */
  update(state: ProgressState | string): void
  /** Clears the line and restores the cursor. The process stays alive until then. Later updates draw nothing. */
  stop(): void
}

const REDRAW_MS = 100
const BAR_WIDTH = 20
/** The spinner with its spaces, two `^C` of the terminal, and the last column, where some terminals wrap. */
const RESERVED_WIDTH = 8

/** Starts to draw at the first update. Draws nothing if `silent` or without a terminal. */
export async function startProgress({
  stream,
  environment,
  silent,
}: {
  readonly stream: Output
  readonly environment: NodeJS.ProcessEnv
  readonly silent: boolean
}): Promise<Progress> {
  const { isTerminal, isAscii } = screenOf(stream, environment)
  if (silent || !isTerminal) return { update() {}, stop() {} }
  // Loaded for terminals only: it takes 25 ms of processor time, a tenth of a `work` that finds nothing to do.
  const { default: ora } = await import('ora')
  let latest: ProgressState | string | undefined
  let drawnAt = 0
  let stopped = false
  const line = () => {
    drawnAt = Date.now()
    const width = screenOf(stream, environment).width ?? 0
    const text = latest ? progressLine(latest, width - RESERVED_WIDTH) : ''
    return isAscii ? asciiOf(text) : text
  }
  // With discardStdin, ora would set raw mode, where Ctrl-C sends no signal.
  const options = { isEnabled: true, discardStdin: false, color: false, interval: REDRAW_MS } as const
  const frames = isAscii ? ({ spinner: 'line' } as const) : {}
  const spinner = ora({ ...options, ...frames, stream, suffixText: line })
  return {
    update(state) {
      if (stopped) return
      latest = state
      if (!spinner.isSpinning) spinner.start()
      // Synchronous work blocks ora's timer.
      else if (Date.now() - drawnAt >= REDRAW_MS) spinner.render()
    },
    stop() {
      if (!stopped) spinner.stop()
      stopped = true
    },
  }
}

/** Joins as many parts as fit the width, most important first. */
export function progressLine(state: ProgressState | string, width: number): string {
  if (typeof state === 'string') return cutText(cleanText(state), width)
  const { fraction } = state
  const count = countOf(state.done, state.unit.replace(/s$/, ''), state.unit)
  const rate = ` · ${groupThousands(Math.round(state.perSecond))} ${state.unit}/s`
  const parts =
    fraction === undefined ? [` ${count}`, rate] : [gauge(fraction), `  ${count}`, timeLeft(state, fraction), rate]
  let line = cutText(cleanText(state.doing), width)
  for (const part of parts) {
    if (widthOf(line + part) > width) break
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
