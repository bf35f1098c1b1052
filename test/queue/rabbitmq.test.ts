// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.
import { expect, test } from 'vitest'
import { onFragileRabbitMq, onRabbitMq } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { until } from '../support/until.js'
import { describeClosing, describeQueueContract } from './contract.js'

describeWithRabbitMq('RabbitMQ', () => describeQueueContract(() => onRabbitMq()), { concurrent: true })
describeWithRabbitMq('RabbitMQ and its server', () => describeClosing(onFragileRabbitMq), { concurrent: true })

describeWithRabbitMq('RabbitMQ by itself', () => {
  test('delivers what was put off when it is time, without a look at the database', async ({ onTestFinished }) => {
    const scene = await Scene.open(() => onRabbitMq())
    onTestFinished(() => scene.close())
    await scene.queue.publish(await scene.orders(7), 500)
    // It is in neither queue for a moment.
    await until(async () => (await scene.queue.counts()).waiting === scene.driver.counted(7))
    expect(await scene.queue.counts()).toMatchObject({ delayed: 0 })
  })

  test('delivers nothing to a consumer whose batch was in progress when its connection was cut', async ({
    onTestFinished,
  }) => {
    const driver = await onFragileRabbitMq()
    const scene = await Scene.open(async () => driver)
    onTestFinished(() => scene.close())
    const ids = await scene.orders(4 * BATCH_SIZE)
    await scene.queue.publish(ids)
    const release = scene.hold()
    const notices: string[] = []
    const drained = scene.drain({ concurrency: 3, onNotice: (notice) => notices.push(notice) })
    await until(() => scene.inProgress === 3)
    driver.proxy.cut()
    await until(() => notices.length === 2)
    expect(notices[0]).toContain('Waiting for it.')
    expect(notices[1]).toContain('is back.')
    const other = await scene.another()
    // The three batches in progress wait again, with the fourth.
    await until(async () => (await other.counts()).waiting === 4)
    await scene.signals.next('polled', 2)
    expect(scene.mostInProgress).toBe(3)
    release()
    await drained
    expect(scene.mostInProgress).toBe(3)
    expect(scene.claimed).toBe(ids.length)
    expect(await scene.count('completed')).toBe(ids.length)
    expect(await scene.differences()).toBe(0)
  })
})
