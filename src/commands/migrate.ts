// `migrate`: brings the database up to this release, and what the queue keeps in tables of its own on a server. Every
// command does so by itself; this one does nothing else.
import { Flags } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { migrationStates } from '../database/migrations.js'
import { migrateQueueTables, readQueueTables } from '../queue/create-queue.js'
import type { QueueTables } from '../queue/postgres-tables.js'
import { readMigrations } from '../reports/migrations.js'
import { isoTime } from '../terminal/text.js'

export interface MigrateResult {
  /** Names of those applied now. */
  applied: string[]
  /** Number of the last one applied; 0 where there is no database yet. */
  current: number
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
    status: Flags.boolean({ description: 'list the migrations and change nothing' }),
  }

  async run(): Promise<MigrateResult> {
    const { flags } = await this.parse(Migrate)
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

function describeChange(before: number, current: number): string {
  if (current === 0) return 'are not there yet'
  if (before === 0) return `were made, and are at migration ${current}`
  return current > before ? `were brought from migration ${before} to ${current}` : `are at migration ${current}`
}
