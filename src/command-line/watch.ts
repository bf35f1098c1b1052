// The live view's loop: read, show, wait, until a key or a signal.
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../app.js'
import { inkLine } from '../terminal/line.js'
import { openLiveScreen } from '../terminal/live-screen.js'
import type { Host } from './host.js'
import { type StatusModel, statusModelReader } from './status-model.js'
import { watchView } from './watch-view.js'

interface WatchOptions {
  readonly intervalMs: number
  /** Ends the view. */
  readonly signal: AbortSignal
}

/** On a screen of its own, until the signal or until `q` is pressed. */
export async function watchOnScreen(
  app: App,
  { stdin, stdout }: Pick<Host, 'stdin' | 'stdout'>,
  { intervalMs, signal }: WatchOptions,
): Promise<void> {
  const read = statusModelReader(app, intervalMs)
  let model = await read()
  const left = new AbortController()
  const over = AbortSignal.any([signal, left.signal])
  const screen = openLiveScreen({
    input: stdin,
    output: stdout,
    onKey: (key) => {
      if (key === 'q' || key === 'Q') left.abort()
    },
    onRedraw: () => draw(),
  })
  const draw = () => screen.draw(watchView(model, screen.size).map(inkLine))
  try {
    while (!over.aborted) {
      draw()
      await pause(intervalMs, over)
      if (!over.aborted) model = await read()
    }
  } finally {
    screen.close()
  }
}

/** A line at each refresh, until the signal. */
export async function watchInLines(
  app: App,
  { intervalMs, signal }: WatchOptions,
  print: (model: StatusModel) => void,
): Promise<void> {
  const read = statusModelReader(app, intervalMs)
  while (!signal.aborted) {
    print(await read())
    await pause(intervalMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined)
}
