// Failures of a worker's background tasks.

import { expect } from 'vitest'
import type { Running } from '../support/cli.js'
import { FiguresShop } from '../support/figures-shop.js'
import { randomPrefix, removeKeys } from '../support/redis.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

async function expectEndsWell({ child, ended }: Running, reportedOnce: string): Promise<string> {
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  expect(code, stderr).toBe(130)
  expect(stderr.split(reportedOnce)).toHaveLength(2)
  return stderr
}

test('a worker reports a failed heartbeat once, and continues', async ({ shop }) => {
  await shop.run('migrate')
  const worker = shop.start({}, 'work')
  await until(() => shop.value('select count(*) from workers') === 1)
  shop.sqlite.exec('alter table workers rename to elsewhere')
  await worker.saw('The heartbeat failed: no such table: workers. Retrying.')
  shop.sqlite.exec('alter table elsewhere rename to workers')
  await worker.saw('The heartbeat works again.')
  await expectEndsWell(worker, 'The heartbeat failed')
  expect(shop.value('select count(*) from workers where stopped_at is not null')).toBe(1)
})

describeWith('redis', 'a worker reports once that it cannot update Redis, and continues', () => {
  test('if the database fails', async ({ shop }) => {
    const prefix = randomPrefix()
    await shop.run('migrate')
    // A worker without orders reads this table only to fill Redis for the first time.
    shop.sqlite.exec('alter table customers rename to elsewhere')
    const worker = shop.start({ ORDERCTL_REDIS_URL: serverUrl('redis'), ORDERCTL_REDIS_PREFIX: prefix }, 'work')
    await worker.saw('Updating Redis failed: no such table: customers. Retrying.')
    shop.sqlite.exec('alter table elsewhere rename to customers')
    await worker.saw('Updating Redis works again.')
    await expectEndsWell(worker, 'Updating Redis failed')
    expect(await removeKeys(prefix)).not.toEqual([])
  })

  test('if another database publishes under the same prefix', async ({ shop }) => {
    const other = await FiguresShop.open()
    await shop.run('migrate')
    await other.sell('1', 'ann', 1000)
    await other.figures.publish()
    const worker = shop.start({ ORDERCTL_REDIS_URL: serverUrl('redis'), ORDERCTL_REDIS_PREFIX: other.prefix }, 'work')
    await worker.saw(`Updating Redis failed: The figures under the prefix "${other.prefix}" in Redis at`)
    expect(await expectEndsWell(worker, 'Updating Redis failed')).toContain(other.shop.path)
    expect(await other.board('customers:spending:USD')).toEqual({ ann: 1000 })
    await other.close()
  })
})
