import { Args } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { STDIN } from '../../csv/bytes.js'
import { EXIT } from '../../errors.js'
import { importCatalogue, openCatalogue } from '../../inventory/catalogue.js'
import { cleanText, countOf } from '../../terminal/text.js'

/** Rejected lines shown without --json. */
const SHOWN = 20

export default class ProductsImport extends BaseCommand {
  static override summary = 'Add and change products from a CSV file'
  static override description =
    'Finds columns by name: sku, name, price, currency, stock (units on hand). Only sku is required, and a name for a ' +
    'new product. Empty values change nothing. Skips and reports invalid lines (exit code 3).'
  static override examples = ['orderctl products import catalogue.csv', 'erp-export | orderctl products import -']
  static override args = {
    file: Args.string({ description: 'the CSV file; - reads standard input', required: true, ignoreStdin: true }),
  }

  async run() {
    const { args } = await this.parse(ProductsImport)
    const catalogue = await openCatalogue(args.file === STDIN ? STDIN : this.path(args.file))
    const result = await this.withDatabase((db) => importCatalogue(db, catalogue), { create: true })
    const { rows, created, updated, unchanged, rejected, errors } = result
    for (const { line, reason } of errors.slice(0, SHOWN)) this.note(`line ${line}: ${cleanText(reason)}`)
    if (rejected > SHOWN) this.note(`and ${countOf(rejected - SHOWN, 'more line')} (--json lists them)`)
    this.print(
      `${countOf(rows, 'line')}: ${created} created, ${updated} updated, ${unchanged} unchanged, ${rejected} rejected.`,
    )
    if (rows === 0) this.note('The file has a header and no products: add a line for each.')
    if (rejected > 0) {
      this.note('Correct the rejected lines and import the file again; the others then stay unchanged.')
      this.leaveWith(EXIT.partly)
    }
    return result
  }
}
