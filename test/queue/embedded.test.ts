import { describe, expect, test } from 'vitest'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { BATCH_SIZE, type Driver, Scene } from '../support/queue-scene.js'
import { until } from '../support/until.js'
import { describeQueueContract } from './contract.js'

const driver: Driver = {
  open: (db) => new EmbeddedQueue(db),
  environment: {},
  counted: (orders) => orders,
  close: async () => undefined,
}

describe.concurrent('the embedded queue', () => {
  describeQueueContract(async () => driver)

  test('delivers no order twice at a time, even before it is claimed', async () => {
    const scene = await Scene.open(async () => driver)
    const ids = await scene.orders(12 * BATCH_SIZE)
    const seen: number[] = []
    let release = (_claimed: number) => {}
    const claimed = new Promise<number>((open) => {
      release = open
    })
    const handler = (batch: readonly number[]) => {
      seen.push(...batch)
      return claimed
    }
    scene.consume({ concurrency: 15 }, { handler })
    await until(() => seen.length >= ids.length)
    expect(seen.sort((a, b) => a - b)).toEqual(ids)
    release(BATCH_SIZE)
    await scene.close()
  })
})
