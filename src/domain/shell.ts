// Commands that a person can copy into a shell.
import { DEFAULT_SOURCE } from './order.js'

/** Returns the command that continues an interrupted import. */
export function resumeCommand({ file, source }: { readonly file: string; readonly source: string }): string {
  return importCommand([file], ...sourceFlag(source), '--resume')
}

/** Returns what a person can do about an interrupted import, as the start of a sentence. */
export function waysToEnd(
  run: Parameters<typeof resumeCommand>[0] & { readonly id: number; readonly status: string },
): string {
  const undo = `orderctl import undo ${run.id}`
  return run.status === 'undoing' ? `Undo it (${undo})` : `Continue it (${resumeCommand(run)}) or undo it (${undo})`
}

/** @param flags each as text for a shell, as in `--source web` */
export function importCommand(files: readonly string[], ...flags: readonly string[]): string {
  return ['orderctl import', ...files.map(shellWord), ...flags].join(' ')
}

/** The flag, unless it is the default source. */
function sourceFlag(source: string): string[] {
  return source === DEFAULT_SOURCE ? [] : [`--source ${shellWord(source)}`]
}

/** The arguments that name an order. */
export function orderWords(order: { readonly reference: string; readonly source: string }): string {
  return [shellWord(order.reference), ...sourceFlag(order.source)].join(' ')
}

/** The arguments that name a customer. */
export function customerWords(customer: { readonly customer_id: string; readonly source: string }): string {
  return [shellWord(customer.customer_id), ...sourceFlag(customer.source)].join(' ')
}

/** The text as one word of a shell command, in quotes if it needs them. */
export function shellWord(text: string): string {
  return /^(-|[\w./][\w./-]*)$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
