// `config`: what every setting is and where that was said.
import { BaseCommand, csvFlag } from '../command-line/base-command.js'
import type { ResolvedSetting } from '../config/config.js'

export interface ConfigResult {
  settings: ResolvedSetting[]
}

export default class ConfigCommand extends BaseCommand {
  static override summary = 'Show every setting and where its value comes from'
  static override description =
    "The environment comes first, then orderctl.config.json in the working folder, then the same file in the user's " +
    'configuration folder, then the default. Passwords are not shown.'

  static override examples = ['<%= config.bin %> config', '<%= config.bin %> config --json']

  static override flags = { csv: csvFlag }

  async run(): Promise<ConfigResult> {
    const { flags } = await this.parse(ConfigCommand)
    const { settings } = this.loadedConfig
    const columns = [
      { heading: 'key' },
      { heading: 'value', flexible: true },
      { heading: 'from', flexible: true },
      { heading: 'environment' },
      { heading: 'what it is', flexible: true },
    ]
    const rows = settings.map(({ key, value, origin, environment, about }) => [key, value, origin, environment, about])
    this.showTable({ columns, rows }, flags)
    return { settings: [...settings] }
  }
}
