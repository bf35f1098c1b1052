// Makes a checked backup of a SQLite database while workers run.
import { renameSync, statSync } from 'node:fs'
import { auditDatabase } from '../audit/audit.js'
import { type LastBackup, writeLastBackup } from '../database/backups.js'
import { type Database, filesOf } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime } from '../database/engine.js'
import { readSetting } from '../database/settings.js'
import { readShop } from '../database/shop.js'
import type { UserError } from '../errors.js'
import type { SqliteAddress } from '../servers/addresses.js'
import { explainError } from '../servers/explain.js'
import {
  copyDatabase,
  explainWriting,
  openCopy,
  partialOf,
  removeAbandoned,
  removePartial,
  syncToDisk,
} from './copy.js'
import { pathOf, pathOfDiffering, readTarget, refuseTarget, rotate } from './target.js'

/**
 * Copies the database under a temporary name, checks the copy, and renames it. A crash leaves the earlier backups, and
 * at most a `.partial` file that a later backup removes.
 *
 * A copy whose figures differ from its orders is kept under a name that says so, since it may be all that is left. But
 * it replaces and removes nothing, and does not count as a good backup.
 *
 * @param keep number of backups to keep, each with its time in its name
 * @throws UserError if the copy is damaged, or cannot be written
 */
export async function backUp(db: Database, address: SqliteAddress, file: string, keep: number | undefined) {
  const target = readTarget(file, address.path, keep)
  const shop = await readShop(db)
  const takenAt = await databaseTime(db)
  const path = pathOf(target, target.isDated ? takenAt : undefined)
  const files = filesOf(address)
  const partial = partialOf(pathOf(target))
  try {
    refuseTarget(path, files, shop)
    removeAbandoned(pathOf(target))
    await copyDatabase(address.path, partial, takenAt)
    const { orders, differences } = await checkCopy(partial)
    const isGood = differences === 0
    const final = isGood ? path : pathOfDiffering(target, takenAt)
    refuseTarget(final, files, shop)
    renameSync(partial, final)
    syncToDisk(target.folder)
    const unrecorded = isGood ? await record(db, address, { taken_at: takenAt, file: final }) : undefined
    const removed = isGood && keep !== undefined ? rotate(target, final, shop, keep) : []
    return { file: final, bytes: statSync(final).size, orders, takenAt, differences, removed, unrecorded }
  } catch (error) {
    removePartial(partial)
    throw explainWriting(error, path) ?? error
  }
}

/** @returns why the database cannot record the backup, such as a read-only file; the backup is complete all the same */
async function record(db: Database, address: SqliteAddress, backup: LastBackup): Promise<UserError | undefined> {
  try {
    await writeLastBackup(db, backup)
    return undefined
  } catch (error) {
    const problem = explainError(error, address)
    if (problem) return problem
    throw error
  }
}

async function checkCopy(path: string): Promise<{ orders: number; differences: number }> {
  const copy = await openCopy(path, 'The database')
  try {
    const { differences } = await auditDatabase(copy, (await readSetting(copy, 'time_zone')) ?? 'UTC')
    return { orders: await countRows(copy.selectFrom('orders')), differences }
  } finally {
    await copy.destroy()
  }
}
