// `doctor`: every check in a table, and what to do about those that failed.
import { BaseCommand } from '../command-line/base-command.js'
import { type Check, examine } from '../doctor/examine.js'
import { EXIT } from '../errors.js'

export interface DoctorResult {
  ok: boolean
  checks: Check[]
}

export default class Doctor extends BaseCommand {
  static override summary = 'Check this machine, the database and the work at hand'
  static override description =
    'Goes on after a failed check, says what to do about each, and exits with 1 if any failed. Changes nothing.'

  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json']

  async run(): Promise<DoctorResult> {
    await this.parse(Doctor)
    const { engines } = this.config.pjson
    const checks = await examine({
      nodeRange: String(engines?.node),
      loadConfig: () => this.loadedConfig,
      environment: this.host.environment,
    })
    const failed = checks.filter((check) => !check.ok)
    this.showTable({
      columns: [{ heading: 'check' }, { heading: 'result' }, { heading: 'detail', flexible: true }],
      rows: checks.map((check) => [check.name, check.ok ? 'ok' : 'FAILED', check.detail]),
    })
    for (const fix of new Set(failed.map((check) => `${check.fix}`))) this.print(`Next: ${fix}`)
    if (failed.length > 0) this.leaveWith(EXIT.failed)
    return { ok: failed.length === 0, checks }
  }
}
