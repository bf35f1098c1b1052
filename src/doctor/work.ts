// Checks of the work that no alarm covers.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { createQueue } from '../queue/create-queue.js'
import { readOpenImports } from '../reports/status.js'
import type { DatabaseCheck, Found } from './check.js'

export const QUEUE_CHECK: DatabaseCheck = { name: 'queue', look: checkQueue }
export const IMPORTS_CHECK: DatabaseCheck = { name: 'imports', look: checkImports }

async function checkQueue(db: Database, config: Config): Promise<Found> {
  const queue = await createQueue(db, config)
  try {
    if (!(await queue.isPaused())) return `open (${queue.driver})`
    return { message: 'The queue is paused: no worker takes orders.', fix: 'Run `orderctl queue resume`.' }
  } finally {
    await queue.close()
  }
}

async function checkImports(db: Database): Promise<Found> {
  const interrupted = (await readOpenImports(db, await databaseTime(db))).filter(({ abandoned }) => abandoned)
  const [first] = interrupted
  if (!first) return 'none was interrupted'
  const files = interrupted.map(({ file }) => `"${file}"`).join(', ')
  return {
    message: `Imports that were interrupted: ${files}. Their orders are held back.`,
    fix: `Run \`${first.resume}\`.`,
  }
}
