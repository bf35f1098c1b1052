// Runs a command line in the process. Imports little, since completion starts it at each press of Tab.
import { Config, Errors, flush, type Interfaces, run } from '@oclif/core'
import { EXIT, UserError } from '../errors.js'
import { describePackage } from './package.js'

const HELP_FLAGS = ['-h', '--help']
const VERSION_FLAGS = ['-v', '--version']

/** @param url of a file of the package */
export async function main(url: string, argv = process.argv.slice(2)): Promise<void> {
  guardOutput(argv)
  try {
    const options = describePackage(url)
    const flag = earlyFlag(argv, options)
    if (flag !== undefined) throw (await import('./failure.js')).missingCommand(wordsOf(argv), flag)
    await run(normalize(argv), options)
    await flush()
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exit(error.oclif.exit)
    await fail(error, argv, url)
  }
}

/** `help X` is `X --help`, and `--version` is the command `version`, which knows --json. */
function normalize(argv: string[]): string[] {
  const [first = '', ...rest] = argv
  if (VERSION_FLAGS.includes(first)) return ['version', ...rest]
  return first === 'help' ? [...rest, '--help'] : argv
}

/** The first flag, if the words before it are no command. oclif would show the topic's help and exit with 0. */
function earlyFlag(argv: readonly string[], { plugins }: Interfaces.Options): string | undefined {
  const [first = ''] = argv
  if (first === 'help' || VERSION_FLAGS.includes(first) || argv.some((word) => HELP_FLAGS.includes(word))) return
  const commands = [...(plugins?.values() ?? [])].flatMap((plugin) => plugin.commands.map(({ id }) => id))
  const topic = wordsOf(argv).join(':')
  const isTopic = topic === '' || commands.some((command) => command.startsWith(`${topic}:`))
  return isTopic && !commands.includes(topic) ? argv.find((word) => word.startsWith('-')) : undefined
}

/** Commands report their own errors. Reports those of oclif around them, such as an unknown command. */
async function fail(error: unknown, argv: readonly string[], url: string): Promise<void> {
  const { describeProblem, unknownCommand } = await import('./failure.js')
  const isUnknown = error instanceof Errors.CLIError && /^command .* not found\.?$/i.test(error.message)
  const problem = isUnknown ? unknownCommand(wordsOf(argv), await commandWords(url)) : describeProblem(error)
  await report(problem, argv, error)
}

async function report(problem: UserError, argv: readonly string[], error: unknown): Promise<void> {
  const { problemJson, problemText } = await import('./failure.js')
  const stack = process.env['DEBUG'] && error instanceof Error ? error.stack : undefined
  const isJson = argv.some((word) => word === '--json' || word.startsWith('--json='))
  process.exitCode = problem.exit
  process.stderr.write(isJson ? problemJson(problem) : problemText(problem, stack))
}

/** Ends the process if stdout fails. oclif's own listener, which throws, is not in the build. */
function guardOutput(argv: readonly string[]): void {
  process.stdout.once('error', async (error: NodeJS.ErrnoException) => {
    // Each further write fails too.
    process.stdout.on('error', () => undefined)
    // Programs such as `head` close the pipe early.
    if (error.code === 'EPIPE') process.exit(EXIT.done)
    const problem = new UserError({
      code: 'output_failed',
      message: `Cannot write to stdout: ${error.message}.`,
      fix: 'Free disk space or write elsewhere, then run the command again. Committed data is safe.',
    })
    await report(problem, argv, error)
    process.exit()
  })
  // A worker goes on if its log cannot be written.
  process.stderr.on('error', () => undefined)
}

function wordsOf(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith('-'))
  const words = argv.slice(0, end < 0 ? undefined : end)
  return words[0] === 'help' ? words.slice(1) : words
}

async function commandWords(url: string): Promise<string[]> {
  const { commands, topics } = await Config.load(describePackage(url))
  const ids = commands.filter(({ hidden }) => !hidden).map(({ id }) => id)
  return [...ids, ...topics.map(({ name }) => name)].map((id) => id.replaceAll(':', ' '))
}
