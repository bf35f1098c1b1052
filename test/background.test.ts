// Tasks beside the work of a command: whatever they throw, they go on and the process lives.
import { describe, expect, test } from 'vitest'
import { asError, type BackgroundEvent, startBackground, Troubles } from '../src/background.js'
import { until } from './support/until.js'

function listen() {
  const notices: [event: BackgroundEvent, text: string][] = []
  const troubles = new Troubles({
    subject: 'The test',
    explain: (error) => (String(error).includes('silent') ? undefined : asError(error)),
    onNotice: (text, event) => notices.push([event, text]),
  })
  return { troubles, notices }
}

describe('a background task', () => {
  test('that fails runs again, and is reported once until it works', async () => {
    const { troubles, notices } = listen()
    let runs = 0
    const task = startBackground(
      async () => {
        runs += 1
        if (runs <= 3) throw new Error('no luck.')
      },
      { pauseMs: () => 1, troubles },
    )
    await until(() => runs > 5)
    await task.end()
    expect(notices).toEqual([
      ['retrying', 'The test failed: no luck. Trying again.'],
      ['recovered', 'The test works again.'],
    ])
  })

  test('never runs beside itself, and its end waits for the run in progress and the last one', async () => {
    let running = 0
    const seen: [running: number, isLast: boolean][] = []
    const task = startBackground(
      async (isLast) => {
        running += 1
        seen.push([running, isLast])
        await new Promise((done) => setTimeout(done, 20))
        running -= 1
      },
      { pauseMs: () => 1, lastRun: true },
    )
    await until(() => seen.length === 3)
    await task.end()
    expect(running).toBe(0)
    expect(seen.map(([count]) => count)).toEqual(seen.map(() => 1))
    expect(seen.map(([, isLast]) => isLast)).toEqual([...seen.slice(1).map(() => false), true])
  })

  test('whose last run fails ends all the same', async () => {
    const { troubles, notices } = listen()
    const task = startBackground(() => Promise.reject(new Error('gone')), {
      pauseMs: () => 1_000_000,
      troubles,
      lastRun: true,
    })
    await task.end()
    expect(notices).toEqual([['retrying', 'The test failed: gone. Trying again.']])
  })

  test('pauses for a time that follows the length of its runs', async () => {
    const took: number[] = []
    const task = startBackground(() => new Promise((done) => setTimeout(done, 20)), {
      pauseMs: (ms) => {
        took.push(ms)
        return 1
      },
    })
    await until(() => took.length === 3)
    await task.end()
    expect(took[0]).toBe(0)
    expect(took[1]).toBeGreaterThan(15)
  })
})

describe('troubles', () => {
  test('of another kind are reported, too', () => {
    const { troubles, notices } = listen()
    for (const kind of ['one', 'one', 'two', 'two', 'one']) troubles.failed(new Error(kind))
    expect(notices.map(([, text]) => text)).toEqual(
      ['one', 'two', 'one'].map((kind) => `The test failed: ${kind}. Trying again.`),
    )
  })

  test('that come and go in quick turns are reported once', () => {
    const { troubles, notices } = listen()
    for (let turn = 0; turn < 5; turn++) {
      troubles.failed(new Error('full'))
      troubles.worked()
    }
    expect(notices).toHaveLength(2)
  })

  test('that others report are not reported', () => {
    const { troubles, notices } = listen()
    troubles.failed(new Error('silent'))
    troubles.worked()
    expect(notices).toEqual([])
  })
})
