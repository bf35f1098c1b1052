// The help: a first screen by what people do, and short usage lines.
import { CommandHelp, Help } from '@oclif/core'
import { jsonFieldsOf } from './json-fields.js'

/** First words of commands. Those missing here are shown in the last group. */
const GROUPS: readonly (readonly [heading: string, words: readonly string[]])[] = [
  ['ORDERS IN', ['import', 'orders', 'products', 'customers']],
  ['WORK', ['work', 'queue', 'failed']],
  ['REPORTS', ['status', 'kpis', 'leaderboard', 'audit']],
  [
    'KEEP IT RUNNING',
    ['schedule', 'notify', 'rebuild', 'backup', 'restore', 'migrate', 'doctor', 'config', 'autocomplete', 'version'],
  ],
]

const START = `EXAMPLES
  $ orderctl import orders.csv        Import the orders of a CSV file
  $ orderctl work --drain             Charge them and settle them, then exit
  $ orderctl kpis daily               Show what was sold

FIRST STEP
  $ orderctl import orders.csv --dry-run    Check a file; writes nothing
`

class ShortHelp extends CommandHelp {
  protected override defaultUsage(): string {
    const { id, args, flags } = this.command
    const words = Object.values(args ?? {})
      .filter(({ hidden }) => !hidden)
      .map((arg) => this.arg(arg))
    return [id, ...words, ...(Object.keys(flags ?? {}).length > 0 ? ['[flags]'] : [])].join(' ')
  }

  protected override sections() {
    const fields = jsonFieldsOf(this.command.id.replaceAll(':', ' '))
    const names = fields && this.wrap(`Pick some with --json=FIELD,…: ${fields.names.join(', ')}`)
    return [...super.sections(), { header: 'JSON FIELDS', generate: () => names }]
  }

  /** oclif starts it with the summary, which is the first line of the help already. */
  protected override description(): string | undefined {
    const { description } = this.command
    return description === undefined ? undefined : this.wrap(description)
  }
}

export default class OrderctlHelp extends Help {
  protected override CommandHelpClass = ShortHelp

  override async showRootHelp(): Promise<void> {
    const { pjson, bin } = this.config
    this.log(`${pjson['description']}\n\nUSAGE\n  $ ${bin} COMMAND [flags]\n\n${START}`)
    const lines = this.#summaries()
    for (const [heading, words] of GROUPS) {
      const rest = heading === GROUPS.at(-1)?.[0] ? [...lines.keys()].filter((word) => !isGrouped(word)) : []
      const rows = [...words, ...rest].flatMap((word) => {
        const summary = lines.get(word)
        return summary === undefined ? [] : [[word, summary] satisfies [string, string]]
      })
      this.log(
        this.section(heading, this.renderList(rows, { indentation: 2, stripAnsi: this.opts.stripAnsi ?? false })),
      )
      this.log('')
    }
    this.log(`Help on a command: ${bin} help COMMAND`)
  }

  /** A topic's description takes precedence: its command is one of several. */
  #summaries(): Map<string, string> {
    const commands = this.sortedCommands.map(({ id, summary = '' }) => [id, summary] as const)
    const topics = this.sortedTopics.map(({ name, description = '' }) => [name, description] as const)
    return new Map([...commands, ...topics].filter(([name]) => !/[: ]/.test(name)))
  }
}

function isGrouped(word: string): boolean {
  return GROUPS.some(([, words]) => words.includes(word))
}
