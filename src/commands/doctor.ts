import { BaseCommand } from '../command-line/base-command.js'
import { type Examination, examine } from '../doctor/examine.js'
import { EXIT } from '../errors.js'
import { cleanText, padText } from '../terminal/text.js'

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
    const checks = [...examination.setup, ...examination.work].map(({ name, state, message, fix }) => ({
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

  #show({ setup, work }: Examination): void {
    const findings = [...setup, ...work]
    const width = Math.max(...findings.map(({ name }) => name.length))
    const say = (label: string, name: string, text: string) =>
      this.print(cleanText(`${padText(label, 8)} ${padText(name, width)} ${text}`))
    for (const { name, message, fix } of findings.filter(({ state }) => state === 'failed')) {
      say('FAILED', name, message)
      this.print(`         Fix: ${cleanText(`${fix}`)}`)
    }
    for (const { name, message } of findings.filter(({ state }) => state === 'skipped')) say('skipped', name, message)
    for (const { name, message } of setup.filter(({ state }) => state === 'ok')) say('ok', name, message)
    // Names only: `status` shows the figures.
    const passed = work.filter(({ state }) => state === 'ok').map(({ name }) => name)
    if (passed.length > 0) say('ok', 'work', passed.join(', '))
  }
}
