// The folder that `import --watch` reads: which files are complete, which process imports one, and where it goes then.
//
// A file is claimed by a rename to importing/NAME/NAME. So exactly one process claims it, a new file may arrive under
// the same name, and an interrupted import finds it again. The folder importing/NAME reserves the name in done/ and
// failed/. Only our user can write to it, so a file that was checked cannot be replaced by a link before it is opened.
import { type BigIntStats, constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, readdir, realpath, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { MINUTE_MS } from '../domain/time.js'
import { errorCode, usageError } from '../errors.js'

const FOLDERS = ['importing', 'done', 'failed'] as const
type Folder = (typeof FOLDERS)[number]

/** Longest name in bytes that leaves room for `.report.json` and a number: file systems allow 255. */
const LONGEST_NAME = 230

/** Files that programs are still writing, and those that imports write. */
const IGNORED = /^\.|~$|\.(part|partial|filepart|crdownload|tmp)$|\.report\.json$|\.rejects(\.\d+)?(\.[^.]*)?$/i

/** A claim that holds no file is removed after this time. Its process may be about to move the file into it. */
const EMPTY_MS = MINUTE_MS

/** A file in importing/. */
export interface Claim {
  /** Its name in done/ or failed/. */
  readonly name: string
  readonly path: string
  /** Changes whenever the file does. */
  readonly version: string
}

export interface Places {
  readonly file: string
  readonly rejects: string | null
}

export interface Ending {
  readonly folder: 'done' | 'failed'
  /** Path of the rejects file, if there is one. */
  readonly rejects: string | null
  /** Returns the text of the report. @param places where the files go */
  readonly report: (places: Places) => string
}

interface InboxOptions {
  /** A file is complete once it was seen unchanged for this long. */
  readonly settleMs: number
  /** Called once for each file that stays where it is, with the reason. */
  readonly onLeft: (name: string, reason: string) => void
}

export class Inbox {
  readonly path: string
  readonly #options: InboxOptions
  /** What was seen in the last scan, and since when. The clock of a file server may differ from ours. */
  #seen = new Map<string, { readonly version: string; readonly since: number }>()
  #scanned = new Map<string, { readonly version: string; readonly since: number }>()
  readonly #left = new Set<string>()

  private constructor(path: string, options: InboxOptions) {
    this.path = path
    this.#options = options
  }

  /** Creates importing/, done/ and failed/. @throws UserError (exit 2) if the folder is missing or not writable */
  static async open(path: string, options: InboxOptions): Promise<Inbox> {
    try {
      const inbox = new Inbox(await realpath(path), options)
      for (const folder of FOLDERS) await inbox.#folder(folder)
      await readdir(inbox.path)
      return inbox
    } catch (error) {
      const code = errorCode(error)
      if (code === undefined || code === 'watch_link') throw error
      const message = `Cannot watch ${path} (${code}).`
      const fix = 'Name an existing folder that this user may read and write.'
      throw usageError({ code: 'watch_folder', message, fix })
    }
  }

  /** Returns the complete files in order of name. */
  async complete(): Promise<string[]> {
    this.#seen = this.#scanned
    this.#scanned = new Map()
    const found: string[] = []
    for (const name of (await readdir(this.path)).sort()) {
      if (IGNORED.test(name)) continue
      const stats = await statOf(join(this.path, name))
      if (!stats || stats.isDirectory()) continue
      const reason = reasonToLeave(name, stats)
      if (reason) this.#leave(name, reason)
      else if (this.#isSteady(name, versionOf(stats))) found.push(name)
    }
    return found
  }

  /** Reports once that the file stays where it is. */
  #leave(name: string, reason: string): void {
    if (this.#left.has(name)) return
    this.#left.add(name)
    this.#options.onLeft(name, reason)
  }

  /** Moves the file to importing/. Returns undefined if another process was faster, or if it cannot be moved. */
  async claim(name: string): Promise<Claim | undefined> {
    const claimed = await this.#reserve(name)
    const folder = join(await this.#folder('importing'), claimed)
    try {
      await rename(join(this.path, name), join(folder, claimed))
    } catch (error) {
      await rmdir(folder).catch(() => undefined)
      if (!isGone(error)) this.#leave(name, `it cannot be moved (${errorCode(error)})`)
      return undefined
    }
    this.#left.delete(name)
    return this.#read(claimed)
  }

  /**
   * Returns the first file in importing/ that has not changed for the settling time. Its process was interrupted, or it
   * grew during its import.
   */
  async interrupted(): Promise<{ readonly claims: number; readonly ready: Claim | undefined }> {
    const folder = await this.#folder('importing')
    let claims = 0
    let ready: Claim | undefined
    for (const name of (await readdir(folder)).sort()) {
      const claim = await this.#read(name)
      const key = join('importing', name)
      if (claim) {
        claims += 1
        if (this.#isSteady(key, claim.version)) ready ??= claim
      } else if (this.#isSteady(key, 'empty', EMPTY_MS)) await rm(join(folder, name), { recursive: true, force: true })
    }
    return { claims, ready }
  }

  /** Starts the settling time of the claims again. */
  restartClaims(): void {
    for (const seen of [this.#seen, this.#scanned])
      for (const key of seen.keys()) if (key.startsWith(join('importing', '/'))) seen.delete(key)
  }

  /** Whether the file is still as it was when it was claimed. */
  async isUnchanged({ name, version }: Claim): Promise<boolean> {
    return (await this.#read(name))?.version === version
  }

  /**
   * Moves the file to done/ or failed/, after its report and its rejects file. A crash in between imports the file
   * again, which stores nothing new. The first report stays: later ones would only count duplicates.
   *
   * @returns where the files are, or undefined if another process has moved it
   */
  async finish({ name, path }: Claim, { folder, rejects, report }: Ending): Promise<Places | undefined> {
    const claimed = join(await this.#folder('importing'), name)
    const target = await this.#folder(folder)
    const places = { file: join(target, name), rejects: rejects && join(target, rejectsName(name)) }
    const draft = join(claimed, `.report-${process.pid}`)
    try {
      await writeDurably(draft, report(places))
      await moveUnlessTaken(draft, join(target, `${name}.report.json`))
      if (rejects && places.rejects && (await statOf(rejects))) await moveUnlessTaken(rejects, places.rejects)
      await rename(path, places.file)
    } catch (error) {
      if (isGone(error) && !(await statOf(path))) return undefined
      throw error
    }
    // Only drafts and the rejects files of interrupted runs are left.
    await rm(claimed, { recursive: true, force: true }).catch(() => undefined)
    return places
  }

  /** Creates importing/NAME for a name that is free in done/ and failed/ too. */
  async #reserve(name: string): Promise<string> {
    const folder = await this.#folder('importing')
    for (let number = 1; ; number++) {
      const numbered = numberedName(name, number)
      try {
        await mkdir(join(folder, numbered), { mode: 0o700 })
      } catch (error) {
        if (errorCode(error) === 'EEXIST') continue
        throw error
      }
      // Checked after the folder exists: another process moves its file to done/ before it removes the folder.
      if (!(await this.#isTaken(numbered))) return numbered
      await rmdir(join(folder, numbered))
    }
  }

  async #isTaken(name: string): Promise<boolean> {
    const names = [name, `${name}.report.json`, rejectsName(name)]
    for (const folder of ['done', 'failed'])
      for (const one of names) if (await statOf(join(this.path, folder, one))) return true
    return false
  }

  async #read(name: string): Promise<Claim | undefined> {
    const path = join(this.path, 'importing', name, name)
    const stats = await statOf(path)
    return stats?.isFile() ? { name, path, version: versionOf(stats) } : undefined
  }

  /** Returns the path of our folder, which is created if needed. @throws UserError if it is a link */
  async #folder(name: Folder): Promise<string> {
    const path = join(this.path, name)
    await mkdir(path, name === 'importing' ? { mode: 0o700 } : {}).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
    if ((await lstat(path)).isDirectory()) return path
    const message = `${path} is a link or a file, so imported files cannot be moved there.`
    throw usageError({ code: 'watch_link', message, fix: 'Remove it. orderctl creates the folder.' })
  }

  #isSteady(key: string, version: string, forMs = this.#options.settleMs): boolean {
    const now = performance.now()
    const before = this.#scanned.get(key) ?? this.#seen.get(key)
    const entry = before?.version === version ? before : { version, since: now }
    this.#scanned.set(key, entry)
    return now - entry.since >= forMs
  }
}

function reasonToLeave(name: string, stats: BigIntStats): string | undefined {
  if (stats.isSymbolicLink()) return 'it is a symbolic link'
  if (!stats.isFile()) return 'it is not a regular file'
  return Buffer.byteLength(name) > LONGEST_NAME ? `its name is longer than ${LONGEST_NAME} bytes` : undefined
}

/** Returns `orders.csv`, then `orders.2.csv`. */
function numberedName(name: string, number: number): string {
  const { name: stem, ext } = parse(name)
  return number === 1 ? name : `${stem}.${number}${ext}`
}

function rejectsName(name: string): string {
  const { name: stem, ext } = parse(name)
  return `${stem}.rejects${ext || '.csv'}`
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch((error: unknown) => {
    if (isGone(error)) return undefined
    throw error
  })
}

function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs].join()
}

/** ESTALE: another host has removed it from a network share. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ESTALE'].includes(errorCode(error) ?? '')
}

/** Reports name customers and orders. The group may read them if the umask lets it. */
const REPORT_MODE = 0o640

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, REPORT_MODE)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Moves a file whole, without ever replacing another one. */
async function moveUnlessTaken(from: string, to: string): Promise<void> {
  try {
    // Some network shares have no hard links.
    await link(from, to).catch((error: unknown) => {
      if (['EEXIST', 'ENOENT', 'ESTALE', 'ENOSPC'].includes(errorCode(error) ?? '')) throw error
      return copyFile(from, to, constants.COPYFILE_EXCL)
    })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  await unlink(from)
}
