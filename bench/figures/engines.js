// The same import and drain on every database and queue that is reachable, compared with a SQLite file alone.
import { processJobs } from '../peers/bullmq-jobs.js'
import { drainEmptyJobs } from '../peers/graphile-worker.js'
import { withVersion } from '../peers/versions.js'
import { orderctl } from '../program.js'
import { databases, POSTGRES, queues, REDIS } from '../servers.js'
import { copyOf, drain, importFile, sceneOn } from '../shops.js'
import { firstImport, timed } from './import.js'
import { wholeDrain } from './work.js'

export function engineFigures({ shops, orders }) {
  return [
    ...databases.flatMap((database) => onDatabase(database, shops, orders)),
    ...Object.values(queues).map((queue) => drainBy(queue, shops, orders)),
  ]
}

function onDatabase(database, shops, orders) {
  const [imported, drained] = [firstImport(shops, orders), wholeDrain(shops, orders)]
  const emptyJobs = {
    name: `${withVersion('graphile-worker')} with empty jobs on the same server`,
    needs: 'graphile-worker',
    run: async () => timed(await drainEmptyJobs(POSTGRES, orders)),
  }
  return [
    {
      ...imported,
      name: `${imported.name}, ${database.title}`,
      subject: { ...imported.subject, needs: database.title, prepare: (folder) => createOn(database, folder) },
      peers: [{ ...imported.subject, name: 'SQLite' }],
    },
    {
      ...drained,
      name: `${drained.name}, ${database.title}`,
      subject: {
        ...drained.subject,
        needs: database.title,
        prepare: async (folder) =>
          createOn(database, folder, async (scene) => importFile(scene, await shops.file(orders), orders)),
      },
      peers: [
        { ...drained.subject, name: 'SQLite', target: database.target },
        ...(database.title === 'PostgreSQL' ? [emptyJobs] : []),
      ],
    },
  ]
}

/** Creates a database, fills it, and removes it when the run has ended. */
async function createOn({ url, create, drop }, folder, fill) {
  if (!(await succeeds(create))) return undefined
  const scene = { ...sceneOn(folder, url), close: drop }
  try {
    await fill?.(scene)
    return scene
  } catch (error) {
    await drop()
    throw error
  }
}

/** Orders of a peer that takes each in jobs of its own: at its speed, all would take minutes. */
const FEW = 5000

function bullmqJobs(shops, orders) {
  const amount = Math.min(FEW, orders)
  const jobs = (name, stepsPerJob, target) => ({
    name: `${name} on ${withVersion('BullMQ', 'bullmq')}`,
    amount,
    target,
    needs: 'Redis',
    prepare: (folder) => copyOf(shops.imported(orders), folder),
    run: async ({ database }) => timed(await processJobs(database, REDIS, amount, stepsPerJob)),
  })
  return [jobs('a job for each step of an order', 1, 15), jobs('a job for each order', 3)]
}

/** A drain of a SQLite file through a queue on a server, which holds the ids before the time starts. */
function drainBy(queue, shops, orders) {
  const embedded = wholeDrain(shops, orders)
  return {
    ...embedded,
    name: `${embedded.name}, by ${queue.title}`,
    subject: {
      ...embedded.subject,
      needs: queue.title,
      prepare: async (folder) => {
        if (!(await succeeds(queue.drop))) return undefined
        const scene = await copyOf(shops.imported(orders), folder, queue.environment)
        await orderctl(scene, 'rebuild', 'queue')
        return { ...scene, close: queue.drop }
      },
      run: (scene) => drain(scene, orders),
    },
    peers: [
      { ...embedded.subject, name: 'the embedded queue', target: 0.8 },
      ...(queue === queues.redis ? bullmqJobs(shops, orders) : []),
    ],
  }
}

function succeeds(act) {
  return act().then(
    () => true,
    () => false,
  )
}
