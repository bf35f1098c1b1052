// The peer of `work` on Redis, the design that orderctl started from: one BullMQ job and one transaction for each step
// of each order, with five jobs in progress at a time.
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { openSteps } from './steps.js'

const STEPS = ['reserve', 'intend', 'settle']
const CONCURRENCY = 5

/**
 * @param {string} path a database with pending single-line orders
 * @param {string} url of the Redis server
 * @param {number} count how many orders to process; their first jobs are already queued when the time starts
 * @returns {Promise<number>} orders per second
 */
export async function processOneJobAStep(path, url, count) {
  const steps = openSteps(path)
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  const settings = { connection, prefix: `orderctl-bench-${process.pid}-steps` }
  const finished = { removeOnComplete: true, removeOnFail: true }
  const queue = new Queue('steps', { ...settings, defaultJobOptions: finished })
  await queue.addBulk(steps.pending(count).map((id) => ({ name: STEPS[0], data: { id } })))
  const began = performance.now()
  let done = 0
  await new Promise((resolve, reject) => {
    const worker = new Worker(
      'steps',
      async (job) => {
        steps[job.name](steps.find(job.data.id))
        const following = STEPS[STEPS.indexOf(job.name) + 1]
        if (following) await queue.add(following, job.data)
        else if (++done === count) resolve(worker)
      },
      { ...settings, concurrency: CONCURRENCY },
    )
    worker.on('error', reject)
    worker.on('failed', (_, error) => reject(error))
  }).then(async (worker) => {
    await worker.close()
  })
  const rate = (count * 1000) / (performance.now() - began)
  await queue.obliterate({ force: true })
  await queue.close()
  connection.disconnect()
  steps.close()
  return rate
}
