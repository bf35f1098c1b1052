// Asks for confirmation before a change that is hard to undo. Scripts pass --yes.
import { createInterface } from 'node:readline'
import { Flags } from '@oclif/core'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Host } from './host.js'

/** For commands that ask before they change something. */
export const CONFIRMED_FLAGS = {
  'dry-run': Flags.boolean({ description: 'show what would change, without changing anything' }),
  yes: Flags.boolean({ char: 'y', description: 'skip the confirmation' }),
}

type Streams = Pick<Host, 'stdin' | 'stderr'>

/**
 * Checks that a confirmation can be asked for.
 *
 * @param isJson under --json, only the document may be printed
 * @throws UserError (exit 2)
 */
export function requireTerminal({ stdin, stderr }: Streams, change: string, isJson: boolean): void {
  if (!isJson && stdin.isTTY && stderr.isTTY) return
  throw usageError({
    code: 'confirmation_needed',
    message: `${change} requires confirmation, but there is no terminal, or --json is set.`,
    fix: 'Add --yes to skip the confirmation.',
  })
}

/** @returns whether the answer is yes; Ctrl-D counts as no. @throws UserError on Ctrl-C */
export async function confirm({ stdin, stderr }: Streams, question: string): Promise<boolean> {
  const reader = createInterface({ input: stdin, output: stderr })
  const answer = await new Promise<string | undefined>((resolve, reject) => {
    reader.once('close', () => resolve(undefined))
    const [message, fix] = ['Interrupted; nothing changed.', 'Run the command again when you are ready.']
    reader.once('SIGINT', () => reject(new UserError({ code: 'interrupted', message, fix, exit: EXIT.interrupted })))
    reader.question(`${question} [y/N] `, resolve)
  }).finally(() => reader.close())
  if (/^y(es)?$/i.test(answer?.trim() ?? '')) return true
  // After Ctrl-D, the cursor is still on the line of the question.
  stderr.write(`${answer === undefined ? '\n' : ''}Nothing changed.\n`)
  return false
}
