// A poison order over servers that deliver: what they drop after some deaths of workers is published again, so that the
// order is claimed five times, and others in its messages are sold.

import { expect, test } from 'vitest'
import { describeOnServer, type ServerEngine } from '../support/database-servers.js'
import { EngineShop } from '../support/engine-shop.js'
import { drainPoisoned, expectOnlyPoisonLeft, expectSoldWhenRetried, importPoisoned } from '../support/poisoned.js'
import { describeWithPostgres } from '../support/postgres.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import type { StartDriver } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { describeWithRedis } from '../support/redis.js'

const MINUTES = 10 * 60_000

function describePoison(engine: ServerEngine, start: StartDriver): void {
  describeOnServer(engine, 'a poison order', () => {
    test('that kills its process is set aside after five deaths', { timeout: MINUTES }, async ({ onTestFinished }) => {
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

describeWithRedis('BullMQ on Redis', () => describePoison('postgres', () => onRedis()))
describeWithPostgres('BullMQ on PostgreSQL', () => describePoison('mysql', () => onPostgres()))
describeWithRabbitMq('RabbitMQ', () => describePoison('mysql', () => onRabbitMq()))
