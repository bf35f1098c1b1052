// How fast a server answers: the same measure for each of them.

/** Beyond this, every batch waits for the network longer than for the database. */
export const SLOW_MS = 50

const ROUND_TRIPS = 5

/** The mean of five questions, one after the other, in milliseconds. */
export async function roundTripOf(ask: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  for (let trip = 0; trip < ROUND_TRIPS; trip++) await ask()
  return (performance.now() - began) / ROUND_TRIPS
}
