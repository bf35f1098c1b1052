// `npm run simulate`: runs seeds on all cores, and prints how to replay those that fail.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { usePlatformOf } from './platform.js'
import { type Outcome, runSeed } from './run.js'
import { Shelf } from './store.js'
import type { World } from './world.js'

/** A thread runs the first seed and then every so many. */
interface Share {
  readonly first: number
  readonly end: number
  readonly every: number
  readonly traces: boolean
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  })
  const began = process.hrtime.bigint()
  const first = Number(values.seed ?? values.from)
  const end = first + (values.seed === undefined ? Number(values.seeds) : 1)
  const every = Math.min(availableParallelism(), end - first)
  const failed: Outcome[] = []
  let [steps, digest] = [0, 0]
  const add = (outcome: Outcome) => {
    steps += outcome.steps
    digest = (digest ^ Math.imul(outcome.digest, 2 * outcome.seed + 1)) >>> 0
    if (outcome.violations.length === 0) return
    failed.push(outcome)
    console.log(`Seed ${outcome.seed} fails:`)
    for (const violation of outcome.violations) console.log(`  ${violation}`)
    console.log(`  Replay it with: npm run simulate -- --seed ${outcome.seed} --trace`)
  }
  const shares = Array.from({ length: every }, (_, index) => ({
    first: first + index,
    end,
    every,
    traces: values.trace,
  }))
  await Promise.all(shares.map((share) => runInThread(share, add)))
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  const figures = [`${end - first} seeds`, `${steps} steps`, `${failed.length} failed`, `digest ${digest.toString(16)}`]
  console.log(figures.join(', '))
  console.error(`${seconds.toFixed(1)} s`)
  process.exitCode = failed.length > 0 ? 1 : 0
}

function runInThread(share: Share, add: (outcome: Outcome) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: share })
    thread.on('message', (message: Outcome | string) => {
      if (typeof message === 'string') console.log(message)
      else add(message)
    })
    thread.on('error', reject)
    thread.on('exit', () => resolve())
  })
}

async function runShare({ first, end, every, traces }: Share): Promise<void> {
  const shelf = new Shelf()
  await shelf.prepare()
  let running: World | undefined
  usePlatformOf(() => {
    if (!running) throw new Error('no world is running')
    return running
  })
  const post = (message: Outcome | string) => parentPort?.postMessage(message)
  const onWorld = (world: World) => {
    running = world
  }
  try {
    for (let seed = first; seed < end; seed += every) {
      post(await runSeed(seed, shelf, { onWorld, onStep: traces ? post : undefined }))
    }
  } finally {
    shelf.remove()
  }
}

await (isMainThread ? main() : runShare(workerData as Share))
