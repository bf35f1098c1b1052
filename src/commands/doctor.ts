import { BaseCommand } from '../command-line/base-command.js'
import { type Examination, examine } from '../doctor/examine.js'
import { groupBy } from '../domain/batches.js'
import { EXIT } from '../errors.js'
import type { Finding } from '../reports/alarms.js'
import { part } from '../terminal/line.js'
import type { Cell } from '../terminal/table.js'
import { countOf } from '../terminal/text.js'

export type DoctorResult = Awaited<ReturnType<Doctor['run']>>

export default class Doctor extends BaseCommand {
  static override summary = 'Check the installation, servers, database and queue'
  static override description =
    'Lists failures first, each with a fix. Changes nothing. Exits with code 1 if a check fails.'
  static override examples = ['orderctl doctor', 'orderctl doctor --json']

  async run() {
    await this.parse(Doctor)
    const examination = await examine(() => this.loadedConfig, this.host.environment)
    this.#show(examination)
    const checks = [...examination.setup, ...examination.contents].map(({ name, state, message, fix }) => ({
      name,
      ok: state !== 'failed',
      skipped: state === 'skipped',
      detail: message,
      fix: state === 'failed' ? fix : null,
    }))
    const ok = checks.every((check) => check.ok)
    if (!ok) this.setExitCode(EXIT.failed)
    return { ok, checks }
  }

  #show({ setup, contents }: Examination): void {
    const of = (findings: readonly Finding[], state: Finding['state']) => findings.filter((one) => one.state === state)
    const all = [...setup, ...contents]
    const [failures, passed] = [of(all, 'failed'), of(contents, 'ok')]
    const skipped = groupBy(of(all, 'skipped'), ({ message }) => message)
    const rows: Cell[][] = [
      ...failures.flatMap(({ name, message, fix }) => [
        [part('FAILED', 'bad'), name, message],
        ['', '', part(`Fix: ${fix}`, 'bold')],
      ]),
      ...[...skipped].map(([cause, findings]) => [part('skipped', 'dim'), ...summaryOf(findings, `: ${cause}`)]),
      ...of(setup, 'ok').map(({ name, message }) => [part('ok', 'good'), name, message]),
      ...(passed.length > 0 ? [[part('ok', 'good'), ...summaryOf(passed)]] : []),
    ]
    this.showTable({
      columns: [{ heading: 'Result' }, { heading: 'Check' }, { heading: 'Found', flexible: true }],
      rows,
    })
    this.note(failures.length === 0 ? 'Nothing to do.' : `${countOf(failures.length, 'check')} failed.`)
  }
}

/** Names only: --json has what each check found, and `status` has the figures. */
function summaryOf(findings: readonly Finding[], end = ''): Cell[] {
  return [countOf(findings.length, 'check'), findings.map(({ name }) => name).join(', ') + end]
}
