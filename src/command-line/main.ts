// Runs a command line in the process. Imports little, since completion starts it at each press of Tab.
import { fileURLToPath } from 'node:url'
import { Config, Errors, flush, run } from '@oclif/core'
import { UserError } from '../errors.js'

const VERSION_FLAGS = ['-v', '--version']

/** @param url of a file of the package */
export async function main(url: string, argv = process.argv.slice(2)): Promise<void> {
  watchOutput(argv, url)
  try {
    await run(normalize(argv), url)
    await flush()
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exit(error.oclif.exit)
    await fail(error, argv, url)
  }
}

/** Reports a full stdout, also for help. oclif's own listener would throw and print a stack trace. */
function watchOutput(argv: readonly string[], url: string): void {
  // A worker goes on if its log cannot be written.
  process.stderr.on('error', () => undefined)
  process.stdout.removeAllListeners('error')
  process.stdout.on('error', async ({ code, message }: NodeJS.ErrnoException) => {
    // Programs such as `head` close the pipe early.
    if (code === 'EPIPE') process.exit()
    const error = new UserError({
      code: 'output_failed',
      message: `Cannot write the output (${message}).`,
      fix: 'Free space, or write the output to another place. What the command has changed stays changed.',
    })
    await fail(error, argv, url)
    process.exit()
  })
}

/** `help X` is `X --help`, and `--version` is the command `version`, which knows --json. */
function normalize(argv: string[]): string[] {
  const [first = '', ...rest] = argv
  if (VERSION_FLAGS.includes(first)) return ['version', ...rest]
  return first === 'help' ? [...rest, '--help'] : argv
}

/** Commands report their own errors. Reports those of oclif around them, such as an unknown command. */
async function fail(error: unknown, argv: readonly string[], url: string): Promise<void> {
  const { describeProblem, problemJson, problemText, unknownCommand } = await import('./failure.js')
  const isUnknown = error instanceof Errors.CLIError && /^command .* not found\.?$/i.test(error.message)
  const problem = isUnknown ? unknownCommand(wordsOf(argv), await commandWords(url)) : describeProblem(error)
  const stack = process.env['DEBUG'] && error instanceof Error ? error.stack : undefined
  const isJson = argv.some((word) => word === '--json' || word.startsWith('--json='))
  process.exitCode = problem.exit
  process.stderr.write(isJson ? problemJson(problem) : problemText(problem, stack))
}

function wordsOf(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith('-'))
  const words = argv.slice(0, end < 0 ? undefined : end)
  return words[0] === 'help' ? words.slice(1) : words
}

async function commandWords(url: string): Promise<string[]> {
  const { commands, topics } = await Config.load(fileURLToPath(url))
  const ids = commands.filter(({ hidden }) => !hidden).map(({ id }) => id)
  return [...ids, ...topics.map(({ name }) => name)].map((id) => id.replaceAll(':', ' '))
}
