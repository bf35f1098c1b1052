import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { PRESETS } from '../../import/mapping/presets.js'

export default class ImportPresets extends BaseCommand {
  static override summary = 'List the exports that are recognised'
  static override description =
    'The import recognises these exports by their columns. It finds the columns of any other file by their names. ' +
    'Lines with a reason for skipping are counted, but not imported.'
  static override examples = [
    'orderctl import presets',
    'orderctl import inspect orders.csv',
    'orderctl import orders.csv --map shopify',
  ]
  static override flags = { csv: csvFlag }

  async run() {
    const { flags } = await this.parse(ImportPresets)
    const presets = PRESETS.map(({ name, reads, headers, mapping: { skip = [] } }) => ({
      preset: name,
      reads,
      columns: headers.map((names) => names.join(', ')),
      skipped: [...new Set(skip.map(({ reason }) => reason))],
    }))
    this.showList(
      [
        'preset',
        { key: 'reads', flexible: true, minWidth: 16 },
        {
          key: 'columns',
          heading: 'recognised by',
          flexible: true,
          minWidth: 24,
          shown: ({ columns }) => columns.join('; or '),
        },
        {
          key: 'skipped',
          flexible: true,
          minWidth: 12,
          dropOrder: 1,
          shown: ({ skipped }) => skipped.join(', ') || null,
        },
      ],
      presets,
      flags,
    )
    return { presets }
  }
}
