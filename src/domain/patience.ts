// Waiting with a limit.

/**
 * Waits until the work has ended, however it ended, and no longer than the limit. Holds the process meanwhile: with a timer
 * that does not (`ref: false`), Node ends with 13 and no message where the work waits for a socket that is gone.
 *
 * @returns whether it has ended
 */
export async function settledWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const ended = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, late])
  } finally {
    clearTimeout(timer)
  }
}
