// The loop of the live view: reads, draws and sleeps until a key or a signal ends it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../app.js'
import { type LiveScreen, openLiveScreen } from '../terminal/live-screen.js'
import { drawLine, screenOf } from '../terminal/screen.js'
import type { Host } from './host.js'
import { type StatusModel, statusModelReader } from './status-model.js'
import { watchView } from './watch-view.js'

interface WatchOptions {
  readonly intervalMs: number
  /** Ends the view when aborted. */
  readonly signal: AbortSignal
}

/** Draws on the alternate screen until the signal or until `q` is pressed. */
export async function watchOnScreen(
  app: App,
  { stdin, stdout, environment }: Host,
  options: WatchOptions,
): Promise<void> {
  const quit = new AbortController()
  let model: StatusModel | undefined
  let screen: LiveScreen | undefined
  const look = screenOf(stdout, environment)
  const draw = () => model && screen?.draw(watchView(model, screen.size).map((line) => drawLine(line, look)))
  const onKey = (key: string) => {
    if (key === 'q' || key === 'Q') quit.abort()
  }
  const signal = AbortSignal.any([options.signal, quit.signal])
  try {
    await watchInLines(app, { ...options, signal }, (latest) => {
      model = latest
      screen ??= openLiveScreen({ input: stdin, output: stdout, onKey, onRedraw: draw })
      draw()
    })
  } finally {
    screen?.close()
  }
}

/** Shows the model at each refresh, until the signal. */
export async function watchInLines(
  app: App,
  { intervalMs, signal }: WatchOptions,
  show: (model: StatusModel) => void,
): Promise<void> {
  const read = statusModelReader(app, intervalMs)
  while (!signal.aborted) {
    const model = await read()
    if (signal.aborted) return
    show(model)
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined)
  }
}
