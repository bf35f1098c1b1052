// A PostgreSQL that goes away in the middle, or forgets everything. Others use the server, so what goes away is the way
// to it.
import { describeWithPostgres } from '../postgres.js'
import { describeAway, type FragileServer } from './away.js'
import { openProxy } from './bullmq-postgres-driver.js'
import { until } from './drain.js'

describeWithPostgres('a PostgreSQL that goes away, or forgets', () => describeAway(startFragile), { concurrent: true })

async function startFragile(): Promise<FragileServer> {
  const { proxy, place } = await openProxy()
  let bringBack = async () => {}
  return {
    name: `PostgreSQL at ${place.address.name}`,
    environment: place.environment,
    stop: async () => {
      bringBack = await proxy.stop()
    },
    start: () => bringBack(),
    hang: () => proxy.hang(),
    goOn: () => proxy.goOn(),
    forget: async () => {
      await place.ask('delete from job')
    },
    connected: () => until(() => proxy.connections > 0),
    openLossyWay: async () => {
      const lossy = await openProxy()
      return {
        environment: { ...place.environment, ORDERCTL_QUEUE_URL: lossy.place.environment.ORDERCTL_QUEUE_URL },
        loseConnections: () => lossy.proxy.loseConnections(),
        close: () => lossy.proxy.close(),
      }
    },
    close: async () => {
      proxy.close()
      await place.drop()
    },
  }
}
