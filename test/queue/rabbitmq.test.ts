// In CI this fails without a server, so that the contract is checked for every driver.
import { expect, test } from 'vitest'
import { onFragileRabbitMq, onRabbitMq } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { until } from '../support/until.js'
import { describeClosing, describeQueueContract, expectSettledOnce } from './contract.js'

describeWithRabbitMq('RabbitMQ', () => describeQueueContract(() => onRabbitMq()), { concurrent: true })
describeWithRabbitMq('RabbitMQ and its server', () => describeClosing(onFragileRabbitMq), { concurrent: true })

describeWithRabbitMq('RabbitMQ by itself', () => {
  test('delivers orders when they fall due, without polling the database', async ({ onTestFinished }) => {
    const scene = await Scene.open(() => onRabbitMq())
    onTestFinished(() => scene.close())
    await scene.queue.publish(await scene.orders(7), 500)
    // For a moment, the message is in neither queue.
    await until(async () => (await scene.queue.counts()).waiting === scene.driver.counted(7))
    expect(await scene.queue.counts()).toMatchObject({ delayed: 0 })
  })

  test('after a lost connection, delivers nothing until batches in progress are finished', async ({
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
    // The three batches in progress are waiting again, with the fourth.
    await until(async () => (await other.counts()).waiting === 4)
    await scene.signals.next('looked', 2)
    expect(scene.mostInProgress).toBe(3)
    release()
    await drained
    expect(scene.mostInProgress).toBe(3)
    await expectSettledOnce(scene, ids.length)
  })
})
