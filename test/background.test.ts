// Background tasks of a command: whatever they throw, they run again and the process lives.
import { expect, test } from 'vitest'
import { asError, type BackgroundEvent, FailureReporter, startBackground } from '../src/background.js'
import { until } from './support/until.js'

function listen() {
  const notices: [event: BackgroundEvent, text: string][] = []
  const reporter = new FailureReporter({
    subject: 'The test',
    explain: (error) => (String(error).includes('silent') ? undefined : asError(error)),
    onNotice: (text, event) => notices.push([event, text]),
  })
  return { reporter, notices }
}

test('a task that fails runs again, and is reported once until it works', async () => {
  const { reporter, notices } = listen()
  let runs = 0
  const run = async () => {
    runs += 1
    if (runs <= 3) throw new Error('no luck.')
  }
  const task = startBackground(run, { pauseMs: () => 1, reporter })
  await until(() => runs > 5)
  await task.end()
  expect(notices).toEqual([
    ['retrying', 'The test failed: no luck. Retrying.'],
    ['recovered', 'The test works again.'],
  ])
})

test('a task never runs twice at a time; its end waits for the run in progress and the last one', async () => {
  const runs: { readonly isLast: boolean; readonly end: () => void }[] = []
  let running = 0
  let most = 0
  const run = async (isLast: boolean) => {
    running += 1
    most = Math.max(most, running)
    await new Promise<void>((end) => runs.push({ isLast, end }))
    running -= 1
  }
  const task = startBackground(run, { pauseMs: () => 1, lastRun: true })
  await until(() => runs.length === 1)
  runs[0]?.end()
  await until(() => runs.length === 2)
  let isOver = false
  const ended = task.end().then(() => {
    isOver = true
  })
  runs[1]?.end()
  await until(() => runs.length === 3)
  expect(isOver).toBe(false)
  runs[2]?.end()
  await ended
  expect([running, most]).toEqual([0, 1])
  expect(runs.map(({ isLast }) => isLast)).toEqual([false, false, true])
})

test('a task whose last run fails still ends', async () => {
  const { reporter, notices } = listen()
  const fail = () => Promise.reject(new Error('gone'))
  await startBackground(fail, { pauseMs: () => 1_000_000, reporter, lastRun: true }).end()
  expect(notices).toEqual([['retrying', 'The test failed: gone. Retrying.']])
})

test('a task may pause longer after longer runs', async () => {
  const took: number[] = []
  const run = async () => {
    const began = performance.now()
    while (performance.now() < began + 20);
  }
  const pauseMs = (ms: number) => {
    took.push(ms)
    return 1
  }
  const task = startBackground(run, { pauseMs })
  await until(() => took.length === 3)
  await task.end()
  expect(took[0]).toBe(0)
  expect(took[1]).toBeGreaterThanOrEqual(20)
})

test.for([
  { kinds: ['one', 'one', 'two', 'two', 'one'], notices: ['one', 'two', 'one'], why: 'once for each kind' },
  { kinds: ['full', '', 'full', '', 'full'], notices: ['full', ''], why: 'once if they come and go quickly' },
  { kinds: ['silent', ''], notices: [], why: 'not if another part reports them' },
])('failures are reported $why', ({ kinds, notices: expected }) => {
  const { reporter, notices } = listen()
  for (const kind of kinds) {
    if (kind === '') reporter.worked()
    else reporter.failed(new Error(kind))
  }
  const texts = expected.map((kind) => (kind ? `The test failed: ${kind}. Retrying.` : 'The test works again.'))
  expect(notices.map(([, text]) => text)).toEqual(texts)
})
