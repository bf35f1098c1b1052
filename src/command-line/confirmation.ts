// Asks before a change that is hard to take back. Scripts are never asked: they say --yes.
import { createInterface } from 'node:readline/promises'
import { EXIT, UserError, usageError } from '../errors.js'

/**
 * Fails at once where the question could not be asked later, before anything is looked up.
 *
 * @param silent under --json, where nothing but the document may be printed
 */
export function demandTerminal(change: string, silent: boolean): void {
  if (!silent && process.stdin.isTTY && process.stderr.isTTY) return
  throw usageError({
    code: 'confirmation_needed',
    message: `${change} needs a confirmation, and without a terminal or under --json nobody can be asked.`,
    fix: 'Add --yes to go ahead without a question.',
  })
}

/** @throws UserError unless the answer is yes */
export async function confirm(question: string): Promise<void> {
  const answer = await ask(`${question} [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new UserError({
    code: 'not_confirmed',
    message: 'Nothing was changed, since the answer was not yes.',
    fix: 'Run it again and answer y, or add --yes.',
  })
}

/** Ctrl-D is no answer. */
async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  let answered = false
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('close', () => {
        // The cursor still stands behind the question.
        if (!answered) process.stderr.write('\n')
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
