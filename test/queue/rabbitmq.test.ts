// In CI this fails without a server, so that the contract is checked for every driver.
import { expect, test } from 'vitest'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { onFragileRabbitMq, onRabbitMq } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { withChannel } from '../support/rabbitmq.js'
import { describeWith } from '../support/servers.js'
import { HOUR } from '../support/shop.js'
import { until } from '../support/until.js'
import { describeBacklog, describeClosing, describeQueueContract, expectSettledOnce } from './contract.js'

describeWith('rabbitmq', 'RabbitMQ', () => describeQueueContract(() => onRabbitMq()), { concurrent: true })
describeWith('rabbitmq', 'RabbitMQ and its server', () => describeClosing(onFragileRabbitMq), { concurrent: true })
describeWith('rabbitmq', 'lost orders on RabbitMQ', () => describeBacklog(() => onRabbitMq()), { concurrent: true })

describeWith('rabbitmq', 'RabbitMQ by itself', () => {
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
    expect(notices.join(' ')).toMatch(/Waiting for it\. .* is back\./)
    const other = await scene.another()
    // The three batches in progress are waiting again, with the fourth.
    await until(async () => (await other.counts()).waiting === 4)
    await scene.signals.next('polled', 2)
    expect(scene.mostInProgress).toBe(3)
    release()
    await drained
    expect(scene.mostInProgress).toBe(3)
    await expectSettledOnce(scene, ids.length)
  })

  test('a batch that is due in an hour is delivered within a minute, so none waits behind it for longer', async ({
    onTestFinished,
  }) => {
    const driver = await onRabbitMq()
    const scene = await Scene.open(async () => driver)
    onTestFinished(() => scene.close())
    await scene.queue.publish(await scene.orders(1), HOUR)
    const { later } = queuesNamed(driver.environment.ORDERCTL_QUEUE_NAME)
    const message = await withChannel((channel) => channel.basicGet({ queue: later, noAck: true }))
    expect(message).toMatchObject({ expiration: '60000' })
  })
})
