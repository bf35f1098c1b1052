// Prints completions for a partial command line. The scripts printed by `autocomplete` call it.
import { Command } from '@oclif/core'
import { propose } from '../command-line/completion.js'

/** Extends Command, not BaseCommand: loading BaseCommand makes each press of Tab a third slower. */
export default class Complete extends Command {
  static override hidden = true
  static override strict = false
  static override summary = 'Print completions for a shell'

  async run(): Promise<void> {
    for (const line of propose(this.config, this.argv.slice(1))) this.log(line)
  }
}
