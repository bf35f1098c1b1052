// How fast a server answers: the same measure for each of them.

/** Beyond this, every batch waits for the network longer than for the database. */
export const SLOW_MS = 50

const ROUND_TRIPS = 5

/** The shortest of five round trips, in milliseconds: what else this machine does at the moment says nothing of the way. */
export async function roundTripOf(ask: () => Promise<unknown>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const began = performance.now()
    await ask()
    shortest = Math.min(shortest, performance.now() - began)
  }
  return shortest
}
