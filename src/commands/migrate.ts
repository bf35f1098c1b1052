import { Flags } from '@oclif/core'
import { CONFIRMED_FLAGS, ConfirmingCommand } from '../command-line/confirmation.js'
import { pairs } from '../command-line/list.js'
import { maskPassword } from '../config/config.js'
import { placeOf, readMigrations } from '../database/connection.js'
import { REFILING } from '../database/refusals.js'
import { keepShop, readShop, renewShop } from '../database/shop.js'
import { EXIT, UserError, usageError } from '../errors.js'
import { moveShop } from '../move/move-shop.js'
import { type DatabaseAddress, readDatabaseAddress, type SqliteAddress } from '../servers/addresses.js'
import { countOf } from '../terminal/text.js'

export default class Migrate extends ConfirmingCommand {
  static override summary = 'Apply database migrations'
  static override description =
    'Creates the database if it is missing, and the queue tables if the queue is on PostgreSQL. Other commands do this ' +
    'too. --from copies a SQLite database to a server. Every database has a random identity, its shop, which starts ' +
    'the idempotency keys of its charges. A copy has the shop of the original: --new-shop gives it another one, so ' +
    'that it never charges as the original. Open charges keep their keys.'
  static override examples = [
    'orderctl migrate',
    'orderctl migrate --status',
    'orderctl migrate --from sqlite:./orders.sqlite',
    'orderctl migrate --new-shop',
  ]
  static override flags = {
    from: Flags.string({
      description: 'SQLite database to copy into the configured database, which must be on a server and empty',
      helpValue: 'sqlite:PATH',
      exclusive: ['status'],
    }),
    'new-shop': Flags.boolean({
      description: 'give this copy of a database its own shop',
      exclusive: ['from', 'status'],
    }),
    'keep-shop': Flags.boolean({
      description: 'confirm the shop of a database that was moved or restored',
      exclusive: ['from', 'status', 'new-shop'],
    }),
    yes: { ...CONFIRMED_FLAGS.yes, dependsOn: ['new-shop'] },
    status: Flags.boolean({ description: 'list the migrations without applying them' }),
  }

  async run() {
    const { flags } = await this.parse(Migrate)
    if (flags['new-shop']) return this.#renewShop(flags.yes)
    if (flags['keep-shop']) return this.#keepShop()
    if (flags.from !== undefined) return this.#copyFrom(readSource(flags.from, this.settings.database))
    const result = flags.status ? await this.#showStatus() : await this.#migrate()
    const { queue, queueSchema } = this.settings
    if (queue.kind !== 'postgres') return result
    const { migrateTables, readTables } = await import('../queue/bullmq/postgres-tables.js')
    const { place, current: before, latest } = await (flags.status ? readTables : migrateTables)(queue, queueSchema)
    const current = flags.status ? before : Math.max(before, latest)
    this.print(`Queue tables (${place}): migration ${current}${current > before ? `, was ${before}` : ''}.`)
    if (current < latest) this.note(`Migration ${latest} is required. Apply it with: orderctl migrate`)
    return { ...result, queue: { place, before, current } }
  }

  async #showStatus() {
    const states = await readMigrations(this.settings.database)
    const migrations = states.map(({ number, name, appliedAt }) => ({
      number,
      name,
      applied_at: appliedAt === null ? null : new Date(appliedAt),
    }))
    const name = { key: 'name', heading: 'migration', flexible: true } as const
    this.showList([{ key: 'number', heading: '' }, name, 'applied_at'], migrations)
    const current = migrations.filter(({ applied_at }) => applied_at !== null).length
    if (current < migrations.length) this.note('Some migrations are not applied. Apply them with: orderctl migrate')
    return { applied: [], current, migrations }
  }

  async #migrate() {
    const before = await readMigrations(this.settings.database)
    // Opening the database applies pending migrations.
    await this.withApp(async () => undefined, { create: true, anyTimeZone: true })
    const applied = before.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name)
    const all = `The database is at migration ${before.length}.`
    this.print(applied.length === 0 ? `Up to date. ${all}` : `Applied ${applied.join(', ')}. ${all}`)
    return { applied, current: before.length }
  }

  async #renewShop(yes: boolean) {
    const { database } = this.settings
    const confirm = this.confirming('A new shop', yes)
    return this.withDatabase(
      async (db) => {
        const before = await readShop(db)
        const current = (await readMigrations(database)).length
        const effect = 'Pending orders will be charged under new keys, even if another database has charged them.'
        this.note(`${placeOf(database)} is shop ${before}. ${effect}`)
        if (!(await confirm('Give the database a new shop?'))) return undefined
        const { shop, previous, openCharges } = await renewShop(db, database)
        this.print(`The shop is now ${shop}, was ${previous}.`)
        if (openCharges > 0) this.note(`${countOf(openCharges, 'open charge')} will be asked under the old keys.`)
        return { applied: [], current, shop, previous_shop: previous, open_charges: openCharges }
      },
      { anyTimeZone: true },
    )
  }

  async #keepShop() {
    const { database } = this.settings
    const shop = await this.withDatabase((db) => keepShop(db, database), { anyTimeZone: true })
    this.print(`Confirmed the shop ${shop} for ${placeOf(database)}.`)
    return { applied: [], current: (await readMigrations(database)).length, shop }
  }

  async #copyFrom(from: SqliteAddress) {
    const progress = await this.startProgress()
    const signal = this.listenForInterruption(() => 'Finishing the rows in progress. Ctrl-C again ends at once.')
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
    const { timeZone } = this.settings
    const isMixed = move.timeZone === REFILING
    this.showList(pairs('table', 'rows'), [...move.rows])
    this.note(`${countOf(total, 'row')} copied and compared. Next: orderctl rebuild${isMixed ? '' : ' queue'}`)
    if (differences > 0)
      this.note(`The file already had ${countOf(differences, 'difference')}. List: orderctl rebuild --check`)
    if (isMixed) this.note(`A change of the file's time zone was interrupted. The rebuild ends it, in ${timeZone}.`)
    else if (move.timeZone !== undefined && move.timeZone !== timeZone)
      this.note(`The file's business days are in ${move.timeZone}. Set ORDERCTL_TIME_ZONE=${move.timeZone}.`)
    const current = (await readMigrations(this.settings.database)).length
    return { applied: [], current, copied: { from: from.path, rows: total, differences } }
  }
}

function readSource(text: string, target: DatabaseAddress): SqliteAddress {
  const from = /^sqlite:(\/\/(?=\/))?(?!\/\/)./.test(text) ? readDatabaseAddress(text) : undefined
  if (from?.kind === 'sqlite' && target.kind !== 'sqlite') return from
  throw usageError({
    code: 'bad_copy',
    message: from
      ? 'Cannot copy to a file: the configured database is SQLite.'
      : `--from "${maskPassword(text)}" is not a SQLite database.`,
    fix: 'Set --from to the old database (sqlite:PATH) and ORDERCTL_DATABASE_URL to the new one on a server.',
  })
}

function interrupted({ path }: SqliteAddress): UserError {
  return new UserError({
    code: 'interrupted',
    message: 'The copy was interrupted. The file is unchanged.',
    fix: `Copy it again: orderctl migrate --from sqlite:${path}`,
    retryable: true,
    exit: EXIT.interrupted,
  })
}
