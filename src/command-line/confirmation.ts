// Asks before a change that is hard to undo. Scripts use --yes instead.
import { createInterface } from 'node:readline'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Host } from './host.js'

type Streams = Pick<Host, 'stdin' | 'stderr'>

/**
 * Checks that a question can be asked later.
 *
 * @param silent under --json, where only the document may be printed
 * @throws UserError (exit 2)
 */
export function demandTerminal({ stdin, stderr }: Streams, change: string, silent: boolean): void {
  if (!silent && stdin.isTTY && stderr.isTTY) return
  throw usageError({
    code: 'confirmation_needed',
    message: `${change} needs a confirmation, which is not possible without a terminal or under --json.`,
    fix: 'Add --yes to go ahead without a question.',
  })
}

/** @throws UserError unless the answer is yes. Ctrl-D is not an answer. */
export async function confirm({ stdin, stderr }: Streams, question: string): Promise<void> {
  const reader = createInterface({ input: stdin, output: stderr })
  const answer = await new Promise<string | undefined>((resolve, reject) => {
    reader.once('close', () => resolve(undefined))
    const [message, fix] = ['Interrupted; nothing was changed.', 'Run it again when you are ready.']
    reader.once('SIGINT', () => reject(new UserError({ code: 'interrupted', message, fix, exit: EXIT.interrupted })))
    reader.question(`${question} [y/N] `, resolve)
  }).finally(() => reader.close())
  if (/^y(es)?$/i.test(answer?.trim() ?? '')) return
  // After Ctrl-D the cursor is still behind the question.
  if (answer === undefined) stderr.write('\n')
  throw new UserError({
    code: 'not_confirmed',
    message: 'Nothing was changed, since the answer was not yes.',
    fix: 'Run it again and answer y, or add --yes.',
  })
}
