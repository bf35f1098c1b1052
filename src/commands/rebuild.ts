import { Args, Flags } from '@oclif/core'
import type { App } from '../app.js'
import { type Audit, auditDatabase } from '../audit/audit.js'
import { REBUILD_TARGETS, type RebuildTarget, rebuild, repair } from '../audit/rebuild.js'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import type { Column } from '../command-line/list.js'
import { EXIT } from '../errors.js'
import { countOf } from '../terminal/text.js'

const CHECK_COLUMNS: readonly Column<Audit['checks'][number]>[] = [
  { key: 'name', heading: 'check' },
  { heading: 'result', value: ({ ok, differences }) => (ok ? 'ok' : `${differences} differ`) },
  'expected',
  'actual',
  { key: 'about', heading: 'what must hold', flexible: true },
  {
    heading: 'what differs',
    value: ({ examples, differences }) =>
      examples.length === 0 ? null : examples.join(', ') + (differences > examples.length ? ', …' : ''),
  },
]

export default class Rebuild extends BaseCommand {
  static override summary = 'Recompute derived figures and check the whole database'
  static override description =
    'Recomputes sales figures from completed orders, queues waiting orders again and, after a change of the time zone, ' +
    'files orders under their new days. Then checks every promise about orders, stock, money and figures on one ' +
    'snapshot; --check does only that. --check and --fix always cover everything. Exit code 6: something differs.'
  static override examples = [
    'orderctl rebuild',
    'orderctl rebuild queue',
    'orderctl rebuild --check',
    'orderctl rebuild --fix',
  ]
  static override args = {
    what: Args.option({ options: REBUILD_TARGETS, description: 'what to recompute [default: all]' })(),
  }
  static override flags = {
    check: Flags.boolean({ description: 'compare without changing anything', exclusive: ['fix'] }),
    fix: Flags.boolean({ description: "also repair orders' totals and products' stock" }),
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
        // A rebuild of the queue alone does not publish figures, so Redis is not compared.
        return auditDatabase(app.db, timeZone, args.what === 'queue' && !flags.fix ? undefined : app.figures)
      },
      { anyTimeZone: true },
    )
    this.showList(CHECK_COLUMNS, audit.checks, flags)
    if (audit.differences > 0) this.#noteDifferences(audit, flags.fix)
    return audit
  }

  async #rebuild({ db, queue, figures }: App, what: RebuildTarget): Promise<void> {
    const { refiled, published } = await rebuild(db, queue, what, this.settings.timeZone, figures)
    if (refiled > 0) this.note(`${countOf(refiled, 'order')} filed under another day of ${this.settings.timeZone}.`)
    if (published > 0) this.note(`${countOf(published, 'order')} put back into the queue.`)
  }

  #noteDifferences({ differences }: Audit, fixed: boolean): void {
    this.leaveWith(EXIT.difference)
    const next = fixed
      ? 'This cannot be computed from other data. Look at it with: orderctl orders show ID'
      : 'Repair what can be computed with: orderctl rebuild --fix'
    this.note(`${countOf(differences, 'difference')}. ${next}`)
  }
}
