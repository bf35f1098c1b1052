// The queue on RabbitMQ, as the contract wants a driver.
import { onRabbitMq as overRabbitMq } from '../../src/queue/rabbitmq/on-rabbitmq.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import { BATCH_SIZE, type Driver, LEASE_MS } from './queue-scene.js'
import { deleteQueues, makeQueues, rabbitAddressOf, rabbitUrl, rabbitUrlWith } from './rabbitmq.js'
import { SilentProxy } from './silent-proxy.js'

/** On a server that others use, with queues of its own. */
export async function onRabbitMq(): Promise<Driver> {
  const name = await makeQueues()
  return {
    ...on(rabbitUrl(), name),
    takeServerAway: () => Promise.reject(new Error('others use this server, too')),
    close: () => deleteQueues(name),
  }
}

/** The same behind a proxy, which can take it away, or cut the connections to it. */
export async function onProxiedRabbitMq(): Promise<Driver & { cut(): void }> {
  const { proxy, url } = await openRabbitProxy()
  const name = await makeQueues()
  return {
    ...on(url, name),
    cut: () => proxy.cut(),
    takeServerAway: async (how) => {
      if (how === 'hanging') proxy.hang()
      else await proxy.stop()
    },
    close: async () => {
      proxy.close()
      await deleteQueues(name)
    },
  }
}

/** A way to the server that can be cut, and the server's URL there. */
export async function openRabbitProxy(): Promise<{ proxy: SilentProxy; url: string }> {
  const { hostname, port } = new URL(rabbitUrl())
  const proxy = await SilentProxy.open(Number(port || 5672), hostname)
  return { proxy, url: rabbitUrlWith({ hostname: '127.0.0.1', port: String(proxy.port) }) }
}

function on(url: string, name: string): Pick<Driver, 'open' | 'environment' | 'counted'> {
  return {
    open: (db) =>
      new ServerQueue(db, overRabbitMq(db, rabbitAddressOf(url), name), { batchSize: BATCH_SIZE, leaseMs: LEASE_MS }),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_NAME: name },
    counted: (orders) => Math.ceil(orders / BATCH_SIZE),
  }
}
