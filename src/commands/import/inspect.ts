import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import {
  ANSWER_FLAGS,
  type Asking,
  answersOf,
  answerText,
  flagsGiven,
  requireSource,
  sourceOfImport,
} from '../../command-line/import-answers.js'
import {
  columnsTable,
  factsTable,
  type Inspected,
  inspectResult,
  ordersTable,
  sampleText,
} from '../../command-line/import-inspect-view.js'
import { STDIN } from '../../csv/bytes.js'
import { importCommand, shellWord } from '../../domain/shell.js'
import { EXIT } from '../../errors.js'
import { readSample } from '../../import/inspect.js'
import { saveMapping } from '../../import/mapping/map-file.js'
import type { Answers } from '../../import/mapping/mapping.js'
import { understand } from '../../import/mapping/understand.js'
import { openOrderFile } from '../../import/order-file.js'
import { cleanText } from '../../terminal/text.js'

/** How much of a file is read while a question is open. An import reads more, but takes longer. */
const MOST_BYTES = 4_194_304

/** Rejected lines that are shown. */
const SHOWN = 5

export default class ImportInspect extends BaseCommand {
  static override summary = 'Show how an order file would be read'
  static override description =
    'Shows the encoding, the delimiter, the field of each column with the reason, the first orders as they would be ' +
    'stored, and what would be skipped or rejected. Reads the start of the file, writes nothing and needs no database. ' +
    'Exit code 2 if the import would ask something.'
  static override examples = [
    'orderctl import inspect orders.csv',
    'orderctl import inspect orders.csv --date-format dmy --currency EUR',
    'orderctl import inspect orders.csv --save-map shop.json',
  ]
  static override args = {
    file: Args.string({ required: true, ignoreStdin: true, description: 'order file, or - for standard input' }),
  }
  static override flags = {
    source: sourceOfImport,
    'any-date': Flags.boolean({ description: 'accept order dates before 1970 and more than a year ahead' }),
    ...ANSWER_FLAGS,
    'save-map': Flags.string({ description: 'file to write the mapping to, for "import --map"', helpValue: 'FILE' }),
    force: Flags.boolean({ description: 'overwrite the file of --save-map', dependsOn: ['save-map'] }),
  }

  async run() {
    const { args, flags, raw } = await this.parse(ImportInspect)
    requireSource(flags.source)
    const pathOf = (text: string) => this.path(text)
    const answers = await answersOf(flags, this.settings.sources.get(flags.source), pathOf)
    const file = args.file === STDIN ? STDIN : this.path(args.file)
    const inspected = await this.#inspect(file, answers, flags['any-date'])
    this.#show(inspected)
    const map = flags['save-map']
    const saved = map === undefined ? null : this.path(map)
    if (saved !== null) {
      saveMapping(saved, inspected.understood.mapping, { force: flags.force, input: file })
      this.note(`The mapping is in ${cleanText(saved)}.`)
    }
    const given = flagsGiven(raw, ['save-map', 'force', ...(map === undefined ? [] : ['map'])])
    const kept = map === undefined ? given : [...given, `--map ${shellWord(map)}`]
    this.#showNext(inspected, { file: args.file, source: flags.source, flags: kept })
    return { ...inspectResult(inspected), saved }
  }

  async #inspect(file: string, answers: Answers, anyDate: boolean): Promise<Inspected> {
    const content = await openOrderFile(file, answers)
    try {
      const understood = await understand(content, answers, MOST_BYTES)
      const { timeZone } = this.settings
      const isClear = understood.questions.length === 0
      const sample = isClear ? await readSample(content, understood, { timeZone, anyDate }) : undefined
      const isCut = !isClear && (await content.peek(MOST_BYTES + 1)).length > MOST_BYTES
      return { file, content, understood, sample, isCut }
    } finally {
      await content.close()
    }
  }

  #show(inspected: Inspected): void {
    const { sample } = inspected
    this.showTable(factsTable(inspected))
    this.print('')
    this.showTable(columnsTable(inspected))
    if (!sample) return
    this.print('')
    if (sample.first.length > 0) this.showTable(ordersTable(sample, this.settings.timeZone))
    this.print(sampleText(sample))
    for (const { line, reason } of sample.rejected.slice(0, SHOWN)) this.print(`line ${line}: ${cleanText(reason)}`)
  }

  #showNext({ understood: { questions }, isCut }: Inspected, asking: Asking): void {
    if (questions.length === 0) {
      this.note(`To import it: ${cleanText(importCommand([asking.file], ...asking.flags))}`)
      return
    }
    const reasons = questions.map(({ text }) => text)
    const searched = isCut ? ['Only the first 4 MiB were read. The import looks further before it asks.'] : []
    const text = [...reasons, ...searched, answerText(questions, asking)].map(cleanText).join('\n')
    this.note(text, { event: 'note', level: 'error' })
    this.setExitCode(EXIT.usage)
  }
}
