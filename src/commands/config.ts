import { asError } from '../background.js'
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import { readShopAt } from '../database/connection.js'
import { part } from '../terminal/line.js'

export default class ConfigCommand extends BaseCommand {
  static override summary = 'Show every setting and where its value comes from'
  static override description =
    'Environment variables take precedence over orderctl.config.json in the working folder, then the same file in ' +
    'your configuration folder, then the defaults. Only a file has settings of a source. Passwords are masked. Also ' +
    'shows the identity of the database, if it exists.'
  static override examples = ['orderctl config', 'orderctl config --json']
  static override flags = { csv: csvFlag }

  async run() {
    const { flags } = await this.parse(ConfigCommand)
    const { settings } = this.loadedConfig
    this.showList(
      [
        'key',
        { key: 'value', flexible: true, minWidth: 28, shown: ({ value }) => value || null },
        { key: 'origin', heading: 'from', flexible: true, minWidth: 21, shown: originPart },
        { key: 'environment', dropOrder: 1 },
        { key: 'about', heading: 'what it is', flexible: true, minWidth: 30, dropOrder: 2 },
      ],
      settings,
      flags,
    )
    const shop = await readShopAt(this.settings.database).catch((error: unknown) => {
      this.note(`Cannot read the database: ${asError(error).message}`)
    })
    if (shop) this.note(`Shop: ${shop}, which starts every idempotency key.`)
    return { settings, shop: shop ?? null }
  }
}

/** What somebody has set stands out. */
function originPart({ origin }: { readonly origin: string }) {
  return part(origin, origin === 'default' ? 'dim' : 'plain')
}
