/**
 * Waits until the work has resolved or rejected, or until the time limit. The timer keeps the process alive: without
 * it, Node would exit with code 13 and no message while the work waits for a closed socket.
 *
 * @returns whether the work has settled
 */
export async function settledWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const settled = () => true
  return Promise.race([work.then(settled, settled), late]).finally(() => clearTimeout(timer))
}
