import { Flags } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { pairs } from '../command-line/list.js'
import { maskPassword } from '../config/config.js'
import { readMigrations } from '../database/connection.js'
import { EXIT, UserError, usageError } from '../errors.js'
import { moveShop } from '../move/move-shop.js'
import { type DatabaseAddress, readDatabaseAddress, type SqliteAddress } from '../servers/addresses.js'
import { countOf, isoTime } from '../terminal/text.js'

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the database up to this release'
  static override description =
    'Creates the database if it is missing, and the tables of a queue on PostgreSQL. Other commands do so as well.'
  static override examples = ['orderctl migrate', 'orderctl migrate --status']
  static override flags = {
    from: Flags.string({
      description:
        'copy all that this file holds (sqlite:PATH) into the configured database on a server, which is empty',
      helpValue: 'sqlite:PATH',
      exclusive: ['status'],
    }),
    status: Flags.boolean({ description: 'list the migrations and change nothing' }),
  }

  async run() {
    const { flags } = await this.parse(Migrate)
    if (flags.from !== undefined) return this.#copyFrom(readSource(flags.from, this.settings.database))
    const result = flags.status ? await this.#showStatus() : await this.#migrate()
    const { queue, queueSchema } = this.settings
    if (queue.kind !== 'postgres') return result
    const { migrateTables, readTables } = await import('../queue/bullmq/postgres-tables.js')
    const { place, current: before, latest } = await (flags.status ? readTables : migrateTables)(queue, queueSchema)
    const current = flags.status ? before : Math.max(before, latest)
    this.print(`Queue tables (${place}): at migration ${current}${current > before ? `, before ${before}` : ''}.`)
    if (current < latest) this.note(`They need migration ${latest}. Apply it with: orderctl migrate`)
    return { ...result, queue: { place, before, current } }
  }

  async #showStatus() {
    const states = await readMigrations(this.settings.database)
    const migrations = states.map(({ number, name, appliedAt }) => ({ number, name, applied_at: isoTime(appliedAt) }))
    const name = { key: 'name', heading: 'migration', flexible: true } as const
    this.showList([{ key: 'number', heading: '' }, name, 'applied_at'], migrations)
    const current = migrations.filter(({ applied_at }) => applied_at !== null).length
    if (current < migrations.length) this.note('Some migrations are not applied. Apply them with: orderctl migrate')
    return { applied: [], current, migrations }
  }

  async #migrate() {
    const before = await readMigrations(this.settings.database)
    // Opening the database applies what is missing.
    await this.withApp(async () => undefined, { create: true, anyTimeZone: true })
    const applied = before.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name)
    const all = `The database is at migration ${before.length}.`
    this.print(applied.length === 0 ? `Up to date. ${all}` : `Applied ${applied.join(', ')}. ${all}`)
    return { applied, current: before.length }
  }

  async #copyFrom(from: SqliteAddress) {
    const progress = await this.startProgress()
    const signal = this.listenForInterruption(() => 'Finishing the rows in progress; Ctrl-C again leaves at once.')
    const began = performance.now()
    let done = 0
    const move = await moveShop(from, this.settings.database, (doing, table, rows) => {
      if (signal.aborted) throw interrupted(from)
      done += rows
      const perSecond = (done * 1000) / (performance.now() - began)
      progress.update({ doing: `${doing} ${table}`, unit: 'rows', done, perSecond })
    }).finally(() => progress.stop())
    const total = [...move.rows.values()].reduce((sum, rows) => sum + rows, 0)
    const { differences } = move.audit
    this.showList(pairs('table', 'rows'), [...move.rows])
    this.note(`${countOf(total, 'row')} copied and compared. Next: orderctl rebuild queue`)
    if (differences > 0)
      this.note(`As in the file, ${countOf(differences, 'difference')}. List them with: orderctl rebuild --check`)
    if (move.timeZone !== undefined && move.timeZone !== this.settings.timeZone)
      this.note(`Its days are in ${move.timeZone}: set ORDERCTL_TIME_ZONE=${move.timeZone}, as for the old database.`)
    const current = (await readMigrations(this.settings.database)).length
    return { applied: [], current, copied: { from: from.path, rows: total, differences } }
  }
}

function readSource(text: string, target: DatabaseAddress): SqliteAddress {
  const from = /^sqlite:(\/\/(?=\/))?(?!\/\/)./.test(text) ? readDatabaseAddress(text) : undefined
  if (from?.kind === 'sqlite' && target.kind !== 'sqlite') return from
  throw usageError({
    code: 'bad_copy',
    message: from ? 'The configured database is a file, too.' : `--from ${maskPassword(text)} names no file.`,
    fix: 'Name the old database with --from sqlite:PATH, and the new one, on a server, in ORDERCTL_DATABASE_URL.',
  })
}

function interrupted({ path }: SqliteAddress): UserError {
  return new UserError({
    code: 'interrupted',
    message: 'The copy was interrupted. Nothing is lost: the file is as it was.',
    fix: `Copy it again: orderctl migrate --from sqlite:${path}`,
    retryable: true,
    exit: EXIT.interrupted,
  })
}
