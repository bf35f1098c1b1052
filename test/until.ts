// Waiting for what other processes and servers do.
import { setTimeout as sleep } from 'node:timers/promises'

/** Less than a test's own time limit, so that what was waited for is told, and not only that time is up. */
const PATIENCE_MS = 40_000

/** Resolves as soon as it holds. @throws where it does not within 40 seconds, with the text of the condition */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`this did not come to hold within ${PATIENCE_MS} ms: ${holds}`)
    await sleep(5)
  }
}
