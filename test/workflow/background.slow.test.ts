// What runs beside the batches of a worker fails: the worker says so once, lives, and says when it works again.

import { expect } from 'vitest'
import type { Running } from '../support/cli.js'
import { FiguresShop } from '../support/figures-shop.js'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

async function expectEndsWell({ child, ended }: Running, toldOnce: string): Promise<string> {
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  expect(code, stderr).toBe(130)
  expect(stderr.split(toldOnce)).toHaveLength(2)
  return stderr
}

test('a heartbeat that the database refuses does not end the worker', async ({ shop }) => {
  await shop.run('migrate')
  const worker = shop.start({}, 'work')
  await until(() => shop.value('select count(*) from workers') === 1)
  shop.sqlite.exec('alter table workers rename to elsewhere')
  await worker.saw('The heartbeat failed: no such table: workers. Trying again.')
  shop.sqlite.exec('alter table elsewhere rename to workers')
  await worker.saw('The heartbeat works again.')
  await expectEndsWell(worker, 'The heartbeat failed')
  expect(shop.value('select count(*) from workers where stopped_at is not null')).toBe(1)
})

describeWithRedis('updating Redis', () => {
  test('fails by an error of the database: the worker lives, and tries again', async ({ shop }) => {
    const prefix = randomPrefix()
    await shop.run('migrate')
    // Read when Redis is filled for the first time; a worker without orders reads it for nothing else.
    shop.sqlite.exec('alter table customers rename to elsewhere')
    const worker = shop.start({ ORDERCTL_REDIS_URL: redisUrl ?? '', ORDERCTL_REDIS_PREFIX: prefix }, 'work')
    await worker.saw('Updating Redis failed: no such table: customers. Trying again.')
    shop.sqlite.exec('alter table elsewhere rename to customers')
    await worker.saw('Updating Redis works again.')
    await expectEndsWell(worker, 'Updating Redis failed')
    expect(await removeKeys(redisUrl ?? '', prefix)).not.toEqual([])
  })

  test('is refused where another database publishes: the worker says so once, and lives', async ({ shop }) => {
    const prefix = randomPrefix()
    await shop.run('migrate')
    const other = await FiguresShop.open(redisUrl ?? '', prefix)
    await other.sell('1', 'ann', 1000)
    await other.figures.publish()
    const worker = shop.start({ ORDERCTL_REDIS_URL: redisUrl ?? '', ORDERCTL_REDIS_PREFIX: prefix }, 'work')
    await worker.saw(`Updating Redis failed: The figures under the prefix "${prefix}" in Redis at`)
    expect(await expectEndsWell(worker, 'Updating Redis failed')).toContain(other.shop.path)
    expect(await other.board('customers:spending:USD')).toEqual({ ann: 1000 })
    await other.close()
  })
})
