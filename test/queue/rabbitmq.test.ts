// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { onProxiedRabbitMq, onRabbitMq } from '../support/rabbitmq-driver.js'
import { until } from '../support/until.js'
import { describeClosing, describeQueueContract } from './contract.js'

describeWithRabbitMq('RabbitMQ', () => describeQueueContract(onRabbitMq), { concurrent: true })

describeWithRabbitMq('RabbitMQ by itself', () => {
  test('hands out what was put off when it is time, without a look at the database', async ({ onTestFinished }) => {
    const scene = await Scene.open(onRabbitMq)
    onTestFinished(() => scene.close())
    const ids = await scene.orders(7)
    await scene.queue.publish(ids, 500)
    // It is in neither for a moment.
    await until(async () => (await scene.queue.counts()).waiting === scene.driver.counted(7))
    expect(await scene.queue.counts()).toMatchObject({ delayed: 0 })
  })

  test('hands out no more when its connections are cut than there are hands free', async ({ onTestFinished }) => {
    const driver = await onProxiedRabbitMq()
    const scene = await Scene.open(async () => driver)
    onTestFinished(() => scene.close())
    const ids = await scene.orders(4 * BATCH_SIZE)
    await scene.queue.publish(ids)
    const release = scene.hold()
    const notices: string[] = []
    const drained = scene.drain({ concurrency: 3, onNotice: (notice) => notices.push(notice) })
    await until(() => scene.inHand === 3)
    driver.cut()
    await until(() => notices.length === 2)
    expect(notices[0]).toContain('Waiting for it.')
    expect(notices[1]).toContain('is back.')
    const other = await scene.another()
    // What was in hand waits again, beside the fourth one.
    await until(async () => (await other.counts()).waiting === 4)
    await sleep(500)
    expect(scene.mostInHand).toBe(3)
    release()
    await drained
    expect(scene.claimed).toBe(ids.length)
    expect(await scene.count('completed')).toBe(ids.length)
    expect(await scene.differences()).toBe(0)
  })
})

describeWithRabbitMq('RabbitMQ and its server', () => describeClosing(onProxiedRabbitMq), { concurrent: true })
