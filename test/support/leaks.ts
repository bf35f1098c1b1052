// Each test file leaves nothing open: no connection, timer, process or thread that was not there before.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import { until } from './until.js'

/** Where Linux lists the threads of this process. */
const THREADS = '/proc/self/task'

/** What keeps this process alive, by kind. */
async function countOpen(): Promise<Map<string, number>> {
  const threads = existsSync(THREADS) ? (await readdir(THREADS)).length : 0
  // Node counts timers too low while it runs one.
  await turnOfLoop()
  const counts = new Map([['Thread', threads]])
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  counts.delete('Immediate')
  return counts
}

let before = new Map<string, number>()

beforeAll(async () => {
  before = await countOpen()
  // Vitest's own ends within a tenth of a second.
  before.delete('Timeout')
})

afterAll(async () => {
  let leaked: [kind: string, count: number][] = []
  await until(async () => {
    leaked = [...(await countOpen())].filter(([kind, count]) => count > (before.get(kind) ?? 0))
    return leaked.length === 0
  }).catch(() => {
    throw new Error(`this file has left open: ${JSON.stringify(leaked)}`)
  })
})
