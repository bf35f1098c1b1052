// Asks before a change that is hard to take back. Scripts are never asked: they say --yes.
import { createInterface } from 'node:readline/promises'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Host } from './host.js'

type Streams = Pick<Host, 'stdin' | 'stderr'>

/**
 * Fails at once where the question could not be asked later, before anything is looked up.
 *
 * @param silent under --json, where nothing but the document may be printed
 */
export function demandTerminal({ stdin, stderr }: Streams, change: string, silent: boolean): void {
  if (!silent && stdin.isTTY && stderr.isTTY) return
  throw usageError({
    code: 'confirmation_needed',
    message: `${change} needs a confirmation, and without a terminal or under --json nobody can be asked.`,
    fix: 'Add --yes to go ahead without a question.',
  })
}

/** @throws UserError unless the answer is yes */
export async function confirm(streams: Streams, question: string): Promise<void> {
  const answer = await ask(streams, `${question} [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new UserError({
    code: 'not_confirmed',
    message: 'Nothing was changed, since the answer was not yes.',
    fix: 'Run it again and answer y, or add --yes.',
  })
}

/** Ctrl-D is no answer. */
async function ask({ stdin, stderr }: Streams, question: string): Promise<string> {
  const reader = createInterface({ input: stdin, output: stderr })
  let answered = false
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('close', () => {
        // The cursor still stands behind the question.
        if (!answered) stderr.write('\n')
        resolve('')
      })
      reader.once('SIGINT', () => reject(interrupted()))
      reader.question(question).then((answer) => {
        answered = true
        resolve(answer)
      }, reject)
    })
  } finally {
    reader.close()
  }
}

function interrupted(): UserError {
  return new UserError({
    code: 'interrupted',
    message: 'Interrupted; nothing was changed.',
    fix: 'Run it again when you are ready.',
    exit: EXIT.interrupted,
  })
}
