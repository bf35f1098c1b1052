import { Args } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { STDIN } from '../../csv/bytes.js'
import { groupThousands } from '../../domain/money.js'
import { EXIT } from '../../errors.js'
import { importCatalogue, openCatalogue } from '../../inventory/catalogue.js'
import { cleanText, countOf } from '../../terminal/text.js'

/** Maximum number of rejected lines shown without --json. */
const MAX_SHOWN = 20

export default class ProductsImport extends BaseCommand {
  static override summary = 'Import products from a CSV file'
  static override description =
    'Adds new products and updates existing ones. Columns are matched by name: sku, name, price, currency, stock (units ' +
    'on hand). sku is required, and name for new products. Empty values change nothing. Invalid lines are skipped and ' +
    'reported (exit code 3).'
  static override examples = ['orderctl products import catalogue.csv', 'erp-export | orderctl products import -']
  static override args = {
    file: Args.string({ description: 'CSV file, or - for standard input', required: true, ignoreStdin: true }),
  }

  async run() {
    const { args } = await this.parse(ProductsImport)
    const catalogue = await openCatalogue(args.file === STDIN ? STDIN : this.path(args.file))
    const result = await this.withDatabase((db) => importCatalogue(db, catalogue), { create: true })
    const { rows, created, updated, unchanged, rejected, errors } = result
    for (const { line, reason } of errors.slice(0, MAX_SHOWN)) this.note(`line ${line}: ${cleanText(reason)}`)
    if (rejected > MAX_SHOWN) this.note(`and ${countOf(rejected - MAX_SHOWN, 'more line')} (--json lists them)`)
    const [made, changed, same, bad] = [created, updated, unchanged, rejected].map(groupThousands)
    this.print(`${countOf(rows, 'line')}: ${made} created, ${changed} updated, ${same} unchanged, ${bad} rejected.`)
    if (rows === 0) this.note('The file has a header but no products.')
    if (rejected > 0) {
      this.note('Fix the rejected lines and import the file again. Lines already imported will be unchanged.')
      this.setExitCode(EXIT.partly)
    }
    return result
  }
}
