import { isAbsolute, join } from 'node:path'
import { Args } from '@oclif/core'
import { backUp } from '../backup/back-up.js'
import { requireFile } from '../backup/file-only.js'
import { BaseCommand } from '../command-line/base-command.js'
import { integerFlag } from '../command-line/selection-flags.js'
import { EXIT } from '../errors.js'
import { countOf, duration, tenths } from '../terminal/text.js'

export default class Backup extends BaseCommand {
  static override summary = 'Back up a SQLite database'
  static override description =
    'Copies one moment of the database, checks the structure of the copy and every promise of "rebuild --check", and ' +
    'then gives it its name. No worker waits. An earlier backup of FILE is replaced only by a good one; no other file ' +
    'is ever replaced. Exits with code 6 if figures of the database differ: that copy is kept under a name of its own.'
  static override examples = [
    'orderctl backup /mnt/backups/orders.sqlite',
    'orderctl backup --keep 14 /mnt/backups/',
    'orderctl doctor  # says when the last backup was made',
  ]
  static override args = {
    file: Args.string({ description: 'file, or folder for a file named by time', required: true, ignoreStdin: true }),
  }
  static override flags = {
    keep: integerFlag({ description: 'put the time into the name, and keep the newest N', min: 1 }),
  }

  async run() {
    const { args, flags } = await this.parse(Backup)
    const address = requireFile(this.settings.database, 'backup')
    const began = performance.now()
    // Keeps the slash at the end of a folder that does not exist.
    const given = isAbsolute(args.file) || args.file === '-' ? args.file : join(this.host.folder, args.file)
    const made = await this.withDatabase((db) => backUp(db, address, given, flags.keep), { anyTimeZone: true })
    const { file, bytes, orders, takenAt, differences, removed, unrecorded } = made
    const seconds = tenths((performance.now() - began) / 1000)
    this.print(`${file}: ${countOf(orders, 'order')}, ${megabytes(bytes)}, copied and checked in ${duration(seconds)}.`)
    if (unrecorded)
      this.note(`The database does not know of this backup, so doctor does not count it: ${unrecorded.message}`)
    if (removed.length > 0) this.note(`${countOf(removed.length, 'older backup')} removed.`)
    if (differences > 0) {
      this.setExitCode(EXIT.difference)
      this.note(`The database has ${countOf(differences, 'difference')}. List: orderctl rebuild --check`)
    }
    const times = { taken_at: new Date(takenAt), checked_at: new Date() }
    const result = { file, bytes, orders, differences, seconds, ...times, removed }
    this.logEvent(`Backed up to ${file}.`, { event: 'ended', fields: result })
    return result
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
