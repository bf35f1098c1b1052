// Where a backup is written: its name, what it must not replace, and which older ones it makes superfluous.
import { lstatSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { type UserError, usageError } from '../errors.js'
import { readBackup } from './copy.js'

export interface Target {
  readonly folder: string
  /** File name without its extension. */
  readonly stem: string
  readonly extension: string
  /** Whether each backup has its time in its name. */
  readonly isDated: boolean
}

/** @param file a file, or a folder: then backups are named after the database. @throws UserError (exit 2) for `-` */
export function readTarget(file: string, database: string, keep: number | undefined): Target {
  if (file === '-') {
    throw usageError({
      code: 'backup_not_a_file',
      message: 'A backup cannot be written to standard output: it is checked in its file.',
      fix: 'Name a file or a folder.',
    })
  }
  const path = resolve(file)
  const isFolder = file.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const name = basename(isFolder ? database : path)
  const extension = extname(name)
  const stem = name.slice(0, name.length - extension.length)
  return { folder: isFolder ? path : dirname(path), stem, extension, isDated: isFolder || keep !== undefined }
}

/** The path of a backup. @param takenAt if given, its UTC time is in the name: `orders.2026-03-04T021500Z.sqlite` */
export function pathOf({ folder, stem, extension }: Target, takenAt?: number): string {
  return join(folder, `${stem}${takenAt === undefined ? '' : `.${stampOf(takenAt)}`}${extension}`)
}

/** `2026-03-04T021500Z`, which file systems accept and which sorts by time. */
export function stampOf(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19).replaceAll(':', '')}Z`
}

/**
 * Checks that a backup may be renamed to the path.
 *
 * @param database the files of the database, which are never replaced
 * @throws UserError (exit 2) unless the name is free, or that of an earlier backup of the shop
 */
export function refuseTarget(path: string, database: readonly string[], shop: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (isAmongFiles(path, database)) throw refusal('backup_over_database', `${path} is a file of the database itself.`)
  if (!found) return
  if (found.isSymbolicLink()) throw refusal('backup_is_link', `${path} is a symbolic link.`)
  if (!found.isFile()) throw refusal('backup_not_a_file', `${path} is not a regular file.`)
  if (readBackup(path)?.shop === shop) return
  throw refusal('backup_exists', `${path} is not a backup of this shop, so it is not overwritten.`)
}

function refusal(code: string, message: string): UserError {
  return usageError({ code, message, fix: 'Name another file, or a folder.' })
}

/** Whether the path leads to one of the files, also through links, or has the name of one that does not exist yet. */
function isAmongFiles(path: string, files: readonly string[]): boolean {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  const folder = statSync(dirname(path), { throwIfNoEntry: false }) ? realpathSync(dirname(path)) : dirname(path)
  return files.some((file) => {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
    const isSame = stats !== undefined && stats.ino === found?.ino && stats.dev === found.dev
    return isSame || file === join(folder, basename(path))
  })
}

/** The path of a copy whose figures differ, which is no good backup and never removed: `orders.…Z-differs.sqlite`. */
export function pathOfDiffering({ folder, stem, extension }: Target, takenAt: number): string {
  return join(folder, `${stem}.${stampOf(takenAt)}-differs${extension}`)
}

/**
 * Removes the oldest dated backups of the shop, so that `keep` are left with the one just made. Those that are dated
 * later are older: the clock was ahead.
 *
 * @returns the removed paths
 */
export function rotate({ folder, stem, extension }: Target, made: string, shop: string, keep: number): string[] {
  const isDated = (name: string) =>
    name.startsWith(`${stem}.`) &&
    name.endsWith(extension) &&
    /^\d{4}-\d\d-\d\dT\d{6}Z$/.test(name.slice(stem.length + 1, name.length - extension.length))
  const isOurs = (path: string) => lstatSync(path).isFile() && readBackup(path)?.shop === shop
  const dated = readdirSync(folder).filter(isDated).sort()
  const isLater = (path: string) => path > made
  const others = dated.map((name) => join(folder, name)).filter((path) => path !== made && isOurs(path))
  const oldestFirst = [...others.filter(isLater), ...others.filter((path) => !isLater(path))]
  const removed = oldestFirst.slice(0, Math.max(0, others.length - (keep - 1)))
  for (const path of removed) rmSync(path)
  return removed
}
