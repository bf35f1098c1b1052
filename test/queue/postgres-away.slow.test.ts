// A PostgreSQL that goes away in the middle, or forgets everything. Others use the server, so what goes away is the way
// to it.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { behindProxy, openProxy } from '../support/bullmq-postgres-driver.js'
import { describeWithPostgres } from '../support/postgres.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { until } from '../support/until.js'
import { describeAway, type FragileServer } from './away.js'

describeWithPostgres('a PostgreSQL that goes away, or forgets', () => describeAway(startFragile), { concurrent: true })

describeWithPostgres(
  'a batch',
  () => {
    test('that is finished while the server is about to start is taken off the queue once it has', async ({
      onTestFinished,
    }) => {
      const opened = await openProxy()
      // Long enough that nobody takes it for one whose worker has died.
      const scene = await Scene.open(() => behindProxy(Promise.resolve(opened), 600_000))
      onTestFinished(() => scene.close())
      await scene.queue.publish(await scene.orders(BATCH_SIZE))
      const release = scene.hold()
      scene.consume({ concurrency: 1 })
      await until(() => scene.inHand === 1)

      opened.proxy.drop()
      opened.proxy.attempts = 0
      release()
      await until(async () => (await scene.count('completed')) === BATCH_SIZE)
      await until(() => opened.proxy.attempts >= 3)
      const active = async () => (await opened.place.ask("select from job where state = 'active'")).length
      expect(await active()).toBe(1)
      await sleep(1000)
      // It is asked once in a while, and not as fast as can be.
      expect(opened.proxy.attempts).toBeLessThan(50)

      opened.proxy.goOn()
      await until(async () => (await active()) === 0)
    })
  },
  { concurrent: true },
)

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
    // The worker's own statements lock jobs in another order: a delete that loses a deadlock to them is tried again.
    forget: () =>
      until(() =>
        place.ask('delete from job').then(
          () => true,
          (error) => {
            if (error.code === '40P01') return false
            throw error
          },
        ),
      ),
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
