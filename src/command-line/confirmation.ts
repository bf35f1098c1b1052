// Asks before a change that is hard to undo. Scripts say --yes instead.
import { createInterface } from 'node:readline'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Host } from './host.js'

type Streams = Pick<Host, 'stdin' | 'stderr'>

/**
 * Throws if nobody could be asked later, before anything is looked up.
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
  try {
    return await new Promise<string>((resolve, reject) => {
      const onClose = () => {
        // The cursor still stands behind the question.
        stderr.write('\n')
        resolve('')
      }
      reader.once('close', onClose)
      reader.once('SIGINT', () => reject(interrupted()))
      reader.question(question, (answer) => {
        reader.off('close', onClose)
        resolve(answer)
      })
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
