// A poison order over servers that deliver: what they drop after some deaths of workers is published again, so that the order
// is claimed five times, and others in its messages are sold.
import { expect, test } from 'vitest'
import { describeOnServer, type ServerEngine } from '../database-servers.js'
import { EnginePlace } from '../engines/place.js'
import { describeWithPostgres } from '../postgres.js'
import { describeWithRabbitMq } from '../rabbitmq.js'
import { describeWithRedis, redisUrl } from '../redis.js'
import { drainPoisoned, expectOnlyPoisonLeft, expectSoldWhenRetried, importPoisoned } from '../workflow/poisoned.js'
import { onSharedServer } from './bullmq-driver.js'
import { onPostgres } from './bullmq-postgres-driver.js'
import { onRabbitMq } from './rabbitmq-driver.js'
import type { StartDriver } from './scene.js'

const MINUTES = 10 * 60_000

function describePoison(engine: ServerEngine, start: StartDriver): void {
  describeOnServer(engine, 'a poison order', () => {
    test('that kills its process is set aside after five deaths', { timeout: MINUTES }, async ({ onTestFinished }) => {
      const place = await EnginePlace.open(engine)
      onTestFinished(() => place.close())
      const { environment, close } = await start()
      onTestFinished(close)
      await importPoisoned(place, environment)
      const runs = await drainPoisoned(place, 'killing', environment)
      expect(runs.map(({ code }) => code)).toEqual([null, null, null, null, null, 3])
      await expectOnlyPoisonLeft(place)
      await expectSoldWhenRetried(place, environment)
    })
  })
}

describeWithRedis('BullMQ on Redis', () => describePoison('postgres', async () => onSharedServer(`${redisUrl}`)))
describeWithPostgres('BullMQ on PostgreSQL', () => describePoison('mysql', onPostgres))
describeWithRabbitMq('RabbitMQ', () => describePoison('mysql', onRabbitMq))
