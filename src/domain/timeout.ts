/**
 * Waits until the work has resolved or rejected, but no longer than the limit. The timer keeps the process alive: without
 * it, Node would exit with 13 and no message while the work waits for a socket that is gone.
 *
 * @returns whether the work has ended
 */
export async function settledWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const isOver = () => true
  return Promise.race([work.then(isOver, isOver), late]).finally(() => clearTimeout(timer))
}
