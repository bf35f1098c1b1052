// `migrate`: brings the database up to this release. Every command does so by itself; this one does nothing else.
import { Flags } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { migrationStates } from '../database/migrations.js'
import { readMigrations } from '../reports/migrations.js'
import { isoTime } from '../terminal/text.js'

export interface MigrateResult {
  /** Names of those applied now. */
  applied: string[]
  /** Number of the last one applied; 0 where there is no database yet. */
  current: number
  /** With --status. */
  migrations?: { number: number; name: string; applied_at: string | null }[]
}

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the database up to this release'
  static override description =
    'Creates the database where there is none. Other commands do the same when they open it; this one does nothing else.'

  static override examples = ['<%= config.bin %> migrate', '<%= config.bin %> migrate --status']

  static override flags = {
    status: Flags.boolean({ description: 'list the migrations and change nothing' }),
  }

  async run(): Promise<MigrateResult> {
    const { flags } = await this.parse(Migrate)
    return flags.status ? this.#showStatus() : this.#migrate()
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
