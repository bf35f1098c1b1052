// `migrate`: brings the database up to this release, and what the queue keeps in tables of its own on a server. Every
// command does so by itself; this one does nothing else.

import { Flags } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { maskPassword } from '../config/config.js'
import { migrationStates } from '../database/migrations.js'
import { readMigrations } from '../database/read-migrations.js'
import { EXIT, usageError } from '../errors.js'
import { hasSameFigures, type Move, moveShop } from '../move/move-shop.js'
import type { QueueTables } from '../queue/bullmq/postgres-tables.js'
import { migrateQueueTables, readQueueTables } from '../queue/create-queue.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import { readDatabaseAddress } from '../servers/addresses.js'
import { countOf, isoTime } from '../terminal/text.js'

export interface MigrateResult {
  /** Names of those applied now. */
  applied: string[]
  /** Number of the last one applied; 0 where there is no database yet. */
  current: number
  /** With --from: rows that were copied in this run, and whether both databases tell the same figures now. */
  copied?: { from: string; rows: number; same_figures: boolean; differences: number }
  /** With --status. */
  migrations?: { number: number; name: string; applied_at: string | null }[]
  /** Where the queue keeps tables on a server: how many of its migrations they had before and have now. */
  queue?: { place: string; before: number; current: number }
}

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the database up to this release'
  static override description =
    'Creates the database where there is none, and the tables of a queue on PostgreSQL. Other commands do the same when they open it; this one does nothing else.'

  static override examples = ['<%= config.bin %> migrate', '<%= config.bin %> migrate --status']

  static override flags = {
    from: Flags.string({
      description:
        'copy all that this file holds (sqlite:PATH) into the configured database on a server, which is empty',
      helpValue: 'sqlite:PATH',
      exclusive: ['status'],
    }),
    status: Flags.boolean({ description: 'list the migrations and change nothing' }),
  }

  async run(): Promise<MigrateResult> {
    const { flags } = await this.parse(Migrate)
    if (flags.from !== undefined) return this.#copyFrom(readOld(flags.from, this.settings.database))
    const result = flags.status ? await this.#showStatus() : await this.#migrate()
    const before = flags.status ? await readQueueTables(this.settings) : await migrateQueueTables(this.settings)
    return before ? { ...result, queue: this.#showQueue(before, flags.status) } : result
  }

  async #showStatus(): Promise<MigrateResult> {
    const states = await readMigrations(this.settings.database)
    const migrations = states.map(({ number, name, appliedAt }) => ({
      number,
      name,
      applied_at: isoTime(appliedAt),
    }))
    this.showTable({
      columns: [{ heading: '', align: 'right' }, { heading: 'migration', flexible: true }, { heading: 'applied at' }],
      rows: migrations.map((migration) => [migration.number, migration.name, migration.applied_at]),
    })
    if (migrations.some((migration) => migration.applied_at === null)) {
      this.note('Some migrations wait. Apply them with: orderctl migrate')
    }
    return { applied: [], current: migrations.filter(({ applied_at }) => applied_at !== null).length, migrations }
  }

  async #copyFrom(from: SqliteAddress): Promise<MigrateResult> {
    const { database } = this.settings
    const progress = await this.startProgress()
    const began = performance.now()
    try {
      const move = await moveShop(from, database, {
        signal: this.listenForInterruption(() => 'Finishing the rows in hand; Ctrl-C again leaves at once.'),
        onProgress: ({ doing, table, rows }) =>
          progress.update({
            doing: `${doing} ${table}`,
            unit: 'rows',
            done: rows,
            perSecond: (rows * 1000) / (performance.now() - began),
          }),
      })
      progress.stop()
      const same = hasSameFigures(move)
      this.#showCopy(move, same)
      if (!same) this.leaveWith(EXIT.difference)
      const { rows, after } = move
      return {
        applied: [],
        current: (await readMigrations(database)).length,
        copied: { from: from.path, rows, same_figures: same, differences: after.differences },
      }
    } finally {
      progress.stop()
    }
  }

  #showCopy({ rows, before, after, timeZone }: Move, same: boolean): void {
    const old = new Map(before.checks.map((check) => [check.name, check.actual]))
    this.showTable({
      columns: [
        { heading: 'figure', flexible: true },
        { heading: 'old', align: 'right' },
        { heading: 'new', align: 'right' },
      ],
      rows: after.checks.map(({ name, actual }) => [name, old.get(name) ?? null, actual]),
    })
    this.note(
      same
        ? `${countOf(rows, 'row')} copied. Both databases tell the same figures. Next: orderctl rebuild queue`
        : `${countOf(rows, 'row')} copied, but the figures differ. Empty the new database and copy again.`,
    )
    if (timeZone !== undefined && timeZone !== this.settings.timeZone)
      this.note(`Its days are days in ${timeZone}: set ORDERCTL_TIME_ZONE=${timeZone}, as for the old database.`)
  }

  #showQueue({ place, current: before, latest }: QueueTables, onlyLook: boolean): NonNullable<MigrateResult['queue']> {
    const current = onlyLook ? before : Math.max(before, latest)
    this.print(`The tables of the queue (${place}) ${describeChange(before, current)}.`)
    if (current < latest) this.note(`They need ${latest}. Bring them there with: orderctl migrate`)
    return { place, before, current }
  }

  async #migrate(): Promise<MigrateResult> {
    const before = await readMigrations(this.settings.database)
    const states = await this.withApp(({ db }) => migrationStates(db), { create: true, anyTimeZone: true })
    const applied = states.filter((_, index) => before[index]?.appliedAt === null).map((state) => state.name)
    this.print(
      applied.length === 0
        ? `Up to date: migration ${states.length} is the latest.`
        : `Applied ${applied.join(', ')}. The database is at migration ${states.length}.`,
    )
    return { applied, current: states.length }
  }
}

function readOld(text: string, target: DatabaseAddress): SqliteAddress {
  const from = asFile(text)
  if (from && target.kind !== 'sqlite') return from
  throw usageError({
    code: 'bad_copy',
    message: from ? 'The configured database is a file, too.' : `--from ${maskPassword(text)} names no file.`,
    fix: 'Name the old database with --from sqlite:PATH, and the new one, on a server, in ORDERCTL_DATABASE_URL.',
  })
}

function asFile(text: string): SqliteAddress | undefined {
  try {
    const address = readDatabaseAddress(text)
    return address.kind === 'sqlite' ? address : undefined
  } catch {
    return undefined
  }
}

function describeChange(before: number, current: number): string {
  if (current === 0) return 'are not there yet'
  if (before === 0) return `were made, and are at migration ${current}`
  return current > before ? `were brought from migration ${before} to ${current}` : `are at migration ${current}`
}
