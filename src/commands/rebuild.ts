import { Args, Flags } from '@oclif/core'
import type { App } from '../app.js'
import { type Audit, auditDatabase } from '../audit/audit.js'
import { REBUILD_TARGETS, type RebuildTarget, rebuild, repair } from '../audit/rebuild.js'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import type { Column } from '../command-line/list.js'
import { groupThousands } from '../domain/money.js'
import { EXIT } from '../errors.js'
import { part } from '../terminal/line.js'
import { countOf } from '../terminal/text.js'

const CHECK_COLUMNS: readonly Column<Audit['checks'][number]>[] = [
  { key: 'name', heading: 'check' },
  {
    heading: 'result',
    value: resultOf,
    shown: (check) => part(resultOf(check), check.ok ? 'good' : 'bad'),
  },
  'expected',
  'actual',
  { key: 'about', heading: 'promise', flexible: true },
  {
    heading: 'examples',
    varies: true,
    flexible: true,
    value: ({ examples, differences }) =>
      examples.length === 0 ? null : examples.join(', ') + (differences > examples.length ? ', …' : ''),
  },
]

function resultOf({ ok, differences }: Audit['checks'][number]): string {
  return ok ? 'ok' : `${groupThousands(differences)} differ`
}

export default class Rebuild extends BaseCommand {
  static override summary = 'Recalculate derived data and check the database'
  static override description =
    'Recalculates sales figures and counts from the orders, returns due orders to the queue and, after a time zone change, ' +
    'reassigns orders to business days. Then verifies orders, stock, payments and figures in one snapshot; --check ' +
    'does only that. --check and --fix always cover everything. Exits with code 6 if something differs.'
  static override examples = [
    'orderctl rebuild',
    'orderctl rebuild queue',
    'orderctl rebuild --check',
    'orderctl rebuild --fix',
  ]
  static override args = {
    what: Args.option({ options: REBUILD_TARGETS, description: 'data to recalculate [default: all]' })(),
  }
  static override flags = {
    check: Flags.boolean({ description: 'verify only, without changing anything', exclusive: ['fix'] }),
    fix: Flags.boolean({ description: 'also repair order totals and product stock' }),
    csv: csvFlag,
  }

  async run() {
    const { args, flags } = await this.parse(Rebuild)
    const audit = await this.withApp(
      async (app) => {
        const { timeZone } = this.settings
        if (flags.check) return auditDatabase(app.db, timeZone, app.figures)
        if (flags.fix) await repair(app.db, timeZone, app.figures)
        else await this.#rebuild(app, args.what ?? 'all')
        // `rebuild queue` publishes no figures, so the audit skips those in Redis.
        return auditDatabase(app.db, timeZone, args.what === 'queue' && !flags.fix ? undefined : app.figures)
      },
      { anyTimeZone: true },
    )
    this.showList(CHECK_COLUMNS, audit.checks, flags)
    if (audit.differences > 0) this.#noteDifferences(audit, flags.fix)
    else this.note('No differences.')
    return audit
  }

  async #rebuild({ db, queue, figures }: App, what: RebuildTarget): Promise<void> {
    const { refiled, published } = await rebuild(db, queue, what, this.settings.timeZone, figures)
    if (refiled > 0)
      this.note(`${countOf(refiled, 'order')} moved to another business day (${this.settings.timeZone}).`)
    if (published > 0) this.note(`${countOf(published, 'order')} returned to the queue.`)
  }

  #noteDifferences({ differences }: Audit, fixed: boolean): void {
    this.setExitCode(EXIT.difference)
    const next = fixed
      ? 'These cannot be recalculated from other data. Inspect an order: orderctl orders show ID'
      : 'Repair what can be recalculated: orderctl rebuild --fix'
    this.note(`${countOf(differences, 'difference')}. ${next}`)
  }
}
