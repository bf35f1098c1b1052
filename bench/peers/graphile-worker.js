// A peer of `work` on PostgreSQL: graphile-worker runs jobs that do nothing, in batches as orderctl does. 500 jobs are
// fetched at a time, and completed together.
import pg from 'pg'

const BATCH = 500

/**
 * @param {string} url of a database, in which it has a schema of its own
 * @param {number} count of jobs, which are in the queue when the time starts
 * @returns {Promise<number | undefined>} seconds; undefined if the package is not installed
 */
export async function drainEmptyJobs(url, count) {
  const worker = await import('graphile-worker').catch(() => undefined)
  if (!worker) return undefined
  const schema = `orderctl_bench_worker_${process.pid}`
  const preset = {
    worker: { schema, concurrentJobs: 24, localQueue: { size: BATCH }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
  }
  const settings = {
    preset,
    connectionString: url,
    maxPoolSize: 25,
    noHandleSignals: true,
    logger: new worker.Logger(() => () => undefined),
  }
  try {
    await worker.runMigrations(settings)
    // Its function takes longer for each job of a statement.
    const add = `select ${schema}.add_job('nothing', '{}'::json) from generate_series`
    for (let added = 0; added < count; added += BATCH) await query(url, `${add}(1, ${Math.min(BATCH, count - added)})`)
    const began = performance.now()
    let done = 0
    await new Promise((resolve, reject) => {
      const nothing = async () => {
        if (++done === count) resolve(running)
      }
      const running = worker.run({ ...settings, taskList: { nothing } })
      running.catch(reject)
    }).then((runner) => runner.stop())
    return (performance.now() - began) / 1000
  } finally {
    await query(url, `drop schema if exists ${schema} cascade`)
  }
}

async function query(connectionString, text) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(text).finally(() => client.end())
}
