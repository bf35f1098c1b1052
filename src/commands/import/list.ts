import { basename } from 'node:path'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { limitFlag } from '../../command-line/selection-flags.js'
import { listImports } from '../../reports/imports.js'

export default class ImportList extends BaseCommand {
  static override summary = 'List imports, newest first'
  static override description =
    'An interrupted import can be continued (import FILE --resume) or undone (import undo ID).'
  static override examples = ['orderctl import list', 'orderctl import list --limit all --csv']
  static override flags = { limit: limitFlag({ default: 30 }), csv: csvFlag }

  async run() {
    const { flags } = await this.parse(ImportList)
    const { total, imports } = await this.withDatabase((db) => listImports(db, flags.limit))
    this.showList(
      [
        { key: 'import_id', heading: 'ID', align: 'right' },
        { key: 'file', shown: ({ file }) => basename(file), flexible: true },
        { key: 'source', varies: true },
        'state',
        'orders',
        { key: 'started_at', heading: 'started' },
        { heading: 'by', value: ({ host, pid }) => `${host}:${pid}`, dropOrder: 1 },
      ],
      imports,
      { csv: flags.csv, total, empty: 'No imports yet. Import orders with: orderctl import FILE' },
    )
    return { total, imports }
  }
}
