// A poison order over servers that deliver: what they drop after some deaths of workers is published again, so that the
// order is claimed five times, and others in its messages are sold.

import { expect, test } from 'vitest'
import { EngineShop } from '../support/engine-shop.js'
import { drainPoisoned, expectOnlyPoisonLeft, expectSoldWhenRetried, importPoisoned } from '../support/poisoned.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import type { StartDriver } from '../support/queue-scene.js'
import { describeWith, type ServerEngine } from '../support/servers.js'

function describePoison(engine: ServerEngine, start: StartDriver): void {
  describeWith(engine, 'a poison order', () => {
    test('that kills its process is set aside after five deaths', async ({ onTestFinished }) => {
      const shop = await EngineShop.open(engine)
      onTestFinished(() => shop.close())
      const { environment, close } = await start()
      onTestFinished(close)
      await importPoisoned(shop, environment)
      const runs = await drainPoisoned(shop, 'killing', environment)
      expect(runs.map(({ code }) => code)).toEqual([null, null, null, null, null, 3])
      await expectOnlyPoisonLeft(shop)
      await expectSoldWhenRetried(shop, environment)
    })
  })
}

describeWith('redis', 'BullMQ on Redis', () => describePoison('postgres', () => onRedis()))
describeWith('postgres', 'BullMQ on PostgreSQL', () => describePoison('mysql', () => onPostgres()))
describeWith('rabbitmq', 'RabbitMQ', () => describePoison('mysql', () => onRabbitMq()))
