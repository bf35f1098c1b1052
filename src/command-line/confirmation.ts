// Asks for confirmation before a change that is hard to undo. Scripts pass --yes.
import { createInterface } from 'node:readline'
import { Flags } from '@oclif/core'
import { EXIT, UserError, usageError } from '../errors.js'
import { BaseCommand } from './base-command.js'
import type { Host } from './host.js'

/** For commands that ask before they change something. */
export const CONFIRMED_FLAGS = {
  'dry-run': Flags.boolean({ description: 'show what would change, without changing anything' }),
  yes: Flags.boolean({ char: 'y', description: 'skip the confirmation' }),
}

/** For commands whose change is hard to undo. */
export abstract class ConfirmingCommand extends BaseCommand {
  /**
   * Returns a function that asks a question. The answer is yes, unasked, if the person has agreed already.
   *
   * @param change that needs it, such as `Clearing the queue`
   * @param canAsk whether standard input is free for the answer
   * @throws UserError (exit 2) if there is no terminal, or under --json, which may print only the document
   */
  protected confirming(change: string, hasAgreed: boolean, canAsk = true): (question: string) => Promise<boolean> {
    if (hasAgreed) return async () => true
    const { stdin, stderr } = this.host
    if (canAsk && !this.jsonEnabled() && stdin.isTTY && stderr.isTTY) return (question) => ask(this.host, question)
    throw usageError({
      code: 'confirmation_needed',
      message: `${change} requires confirmation, but there is no terminal, or --json is set.`,
      fix: 'Add --yes to skip the confirmation.',
    })
  }
}

/** @returns whether the answer is yes; Ctrl-D counts as no. @throws UserError on Ctrl-C */
async function ask({ stdin, stderr }: Host, question: string): Promise<boolean> {
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
