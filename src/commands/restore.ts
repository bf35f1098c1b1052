import { Args, Flags } from '@oclif/core'
import { requireFile } from '../backup/file-only.js'
import type { Backup, Lost, Replaced } from '../backup/replaced.js'
import { examineBackup, isRelocated, refuseReplacing, restore } from '../backup/restore.js'
import { CONFIRMED_FLAGS, ConfirmingCommand } from '../command-line/confirmation.js'
import { pairs } from '../command-line/list.js'
import { customerWords } from '../domain/shell.js'
import { EXIT } from '../errors.js'
import { ago, countOf, isoTime, tenths } from '../terminal/text.js'

export default class Restore extends ConfirmingCommand {
  static override summary = 'Restore a backup'
  static override description =
    'Checks the backup and puts it in the place of the database, which no process may use. The replaced database is ' +
    'kept next to it. A crash leaves either of them. The restored database has the identity of the original: charges ' +
    'that were made since the backup are asked again under the same keys, so no customer pays twice.'
  static override examples = [
    'orderctl restore /mnt/backups/orders.sqlite',
    'orderctl restore /mnt/backups/orders.2026-03-04T021500Z.sqlite --replace',
  ]
  static override args = {
    file: Args.string({ description: 'backup', required: true, ignoreStdin: true }),
  }
  static override flags = {
    replace: Flags.boolean({ description: 'replace the existing database, and keep it under another name' }),
    yes: { ...CONFIRMED_FLAGS.yes, dependsOn: ['replace'] },
  }

  async run() {
    const { args, flags } = await this.parse(Restore)
    const address = requireFile(this.settings.database, 'restore')
    const began = performance.now()
    const file = this.path(args.file)
    const backup = await examineBackup(file, address)
    if (!flags.replace) refuseReplacing(address, file)
    const confirm = this.confirming('Replacing the database', !flags.replace || flags.yes)
    const isConfirmed = async (replaced: Replaced) => {
      this.#showLost(backup, replaced)
      return confirm(`Replace ${address.path} by the backup?`)
    }
    const done = await restore(backup, address, isConfirmed)
    if (!done) return undefined
    const { orders, differences, named: forgotten, kept = null, lost = null } = done
    this.print(`Restored ${countOf(orders, 'order')} into ${address.path}, as of ${isoTime(backup.takenAt)}.`)
    if (kept !== null) this.note(`The replaced database is ${kept}.`)
    if (forgotten.length > 0) {
      this.setExitCode(EXIT.partly)
      const commands = forgotten.map((customer) => `  orderctl customers forget ${customerWords(customer)}`)
      this.note(`These customers were forgotten since the backup. Forget them again:\n${commands.join('\n')}`)
    }
    await this.#showNext(differences, await isRelocated(address), lost)
    const seconds = tenths((performance.now() - began) / 1000)
    const taken_at = new Date(backup.takenAt)
    return { file, database: address.path, taken_at, orders, differences, replaced: kept, lost, forgotten, seconds }
  }

  #showLost({ takenAt }: Backup, { lost, unreadable }: Replaced): void {
    if (!lost) {
      this.note(`${unreadable} Make sure that all services are stopped.`)
      return
    }
    const { orders, settled, captured, refunds, actions } = lost
    this.note(`The backup was taken ${ago(takenAt, Date.now())}. Not in it:`)
    this.showList(pairs('since the backup', 'count'), [
      ['Orders imported', orders],
      ['Orders settled', settled],
      ['Charges captured', captured],
      ['Refunds', refunds],
      ['Changes by people', actions],
    ])
  }

  async #showNext(differences: number, isMoved: boolean, lost: Lost | null): Promise<void> {
    if (lost && lost.files.length > 0) this.note(`Import again: ${lost.files.join(', ')}`)
    if (lost && lost.captured > 0)
      this.note(
        'These charges are asked again under the same keys. Let `orderctl work` settle them before you cancel orders.',
      )
    if (isMoved)
      this.note(
        'The database is in another place than before. If it replaces the original: orderctl migrate --keep-shop. If it is a copy: orderctl migrate --new-shop',
      )
    if (differences > 0) {
      this.setExitCode(EXIT.difference)
      this.note(`The backup had ${countOf(differences, 'difference')}. List: orderctl rebuild --check`)
    }
    this.note('Next: orderctl rebuild, then start the services.')
  }
}
