// Waiting for what other processes and servers do.
import { setTimeout as sleep } from 'node:timers/promises'

/** Shorter than the time limit of tests, so that the failure names the condition. */
const PATIENCE_MS = 240_000

/** Resolves as soon as the condition holds. @throws with its text after a time limit */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`this never held: ${holds}`)
    await sleep(5)
  }
}
