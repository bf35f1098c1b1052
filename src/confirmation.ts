// Asks before a change that is hard to take back. Scripts are never asked: they say --yes.
import { createInterface } from 'node:readline/promises'
import { EXIT, UserError, usageError } from './errors.js'

/**
 * Fails at once where the question could not be asked later, before anything is looked up.
 *
 * @param silent under --json, where nothing but the document may be printed
 */
export function demandTerminal(change: string, silent: boolean): void {
  if (!silent && process.stdin.isTTY && process.stderr.isTTY) return
  throw usageError({
    code: 'confirmation_needed',
    message: `${change} needs a confirmation, and there is no terminal to ask at.`,
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

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('close', () => resolve(''))
      reader.once('SIGINT', () => reject(interrupted()))
      reader.question(question).then(resolve, reject)
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
