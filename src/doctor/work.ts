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
  const imports = await readOpenImports(db, await databaseTime(db))
  const files = imports.filter(({ abandoned }) => abandoned).map(({ file }) => `"${file}"`)
  if (files.length === 0) return 'none was interrupted'
  return {
    message: `Imports that were interrupted: ${files.join(', ')}. Their orders are held back.`,
    fix: `Run \`orderctl import ${files[0]} --resume\`.`,
  }
}
