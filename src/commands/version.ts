import { BaseCommand } from '../command-line/base-command.js'

export default class Version extends BaseCommand {
  static override summary = 'Show the version'
  static override description = 'The same as --version and -v. Names Node.js and the platform too, for reports of bugs.'
  static override examples = ['orderctl version', 'orderctl --version --json']
  protected override readonly readsSettings = false

  async run() {
    await this.parse(Version)
    const result = {
      version: this.config.version,
      node: process.versions.node,
      platform: this.config.platform,
      arch: this.config.arch,
    }
    this.print(`orderctl ${result.version} (Node.js ${result.node}, ${result.platform}-${result.arch})`)
    return result
  }
}
