// Peers of `work` on Redis: BullMQ jobs for orders instead of batches, one for each step of an order (the design that
// orderctl started from) or one for all steps. A step is a transaction, and five jobs are in progress at a time.
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { openSteps } from './steps.js'

const STEPS = ['reserve', 'intend', 'settle']
const CONCURRENCY = 5

/**
 * @param {string} path a database with pending single-line orders
 * @param {string} url of the Redis server
 * @param {number} count how many orders to process; their first jobs are already queued when the time starts
 * @param {number} stepsPerJob
 * @returns {Promise<number | undefined>} seconds; undefined if there is no such server
 */
export async function processJobs(path, url, count, stepsPerJob) {
  const connection = new Redis(url, { maxRetriesPerRequest: null, lazyConnect: true, retryStrategy: () => null })
  connection.on('error', () => undefined)
  const isReachable = await connection.connect().then(
    () => true,
    () => false,
  )
  if (!isReachable) return undefined
  const steps = openSteps(path)
  const settings = { connection, prefix: `orderctl-bench-${process.pid}-steps` }
  const finished = { removeOnComplete: true, removeOnFail: true }
  const queue = new Queue('steps', { ...settings, defaultJobOptions: finished })
  await queue.addBulk(steps.pending(count).map((id) => ({ name: 'steps', data: { id, next: 0 } })))
  const began = performance.now()
  let done = 0
  const worker = await new Promise((resolve, reject) => {
    const worker = new Worker(
      'steps',
      async ({ data: { id, next } }) => {
        const following = next + stepsPerJob
        for (const step of STEPS.slice(next, following)) steps[step](steps.find(id))
        if (following < STEPS.length) await queue.add('steps', { id, next: following })
        else if (++done === count) resolve(worker)
      },
      { ...settings, concurrency: CONCURRENCY },
    )
    worker.on('error', reject)
    worker.on('failed', (_, error) => reject(error))
  })
  await worker.close()
  const seconds = (performance.now() - began) / 1000
  await queue.obliterate({ force: true })
  await queue.close()
  connection.disconnect()
  steps.close()
  return seconds
}
