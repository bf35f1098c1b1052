// `complete`: what a shell proposes for the words so far. The scripts that `autocomplete` prints call it.
import { Command } from '@oclif/core'
import { propose } from '../command-line/completion.js'

/** Not a BaseCommand, whose imports would make each press of Tab a third slower. */
export default class Complete extends Command {
  static override hidden = true
  static override strict = false
  static override summary = 'Propose words to a shell'

  async run(): Promise<void> {
    for (const line of propose(this.config, this.argv.slice(1))) this.log(line)
  }
}
