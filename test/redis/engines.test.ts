// Published figures are those of the database, whatever database that is.

import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { describeOnEngines } from '../support/engine-shop.js'
import { randomPrefix, redisUrl, removeKeys } from '../support/redis.js'

const SAMPLE = readFileSync(new URL('../../sample.csv', import.meta.url), 'utf8')

describeOnEngines('figures in Redis', (test) => {
  test.skipIf(redisUrl === undefined)('agree with the reports after two drains', async ({ shop }) => {
    const prefix = randomPrefix()
    const environment = { ORDERCTL_REDIS_URL: `${redisUrl}`, ORDERCTL_REDIS_PREFIX: prefix }
    const [header = '', ...lines] = SAMPLE.trimEnd().split('\n')
    for (const some of [lines.slice(0, 50), lines.slice(50)]) {
      await shop.importing([header, ...some, ''].join('\n'), environment, '--force')
      const { code, stderr } = await shop.runWith(environment, 'work', '--drain')
      expect(code, stderr).toBe(0)
    }
    const { result } = await shop.jsonWith({}, 'leaderboard', 'customers', '--limit', '1', '--currency', 'USD')
    const [first] = (result as { customers: { customer_id: string; total_spent: number }[] }).customers
    const redis = new Redis(`${redisUrl}`)
    const top = await redis.zrange(`${prefix}leaderboard:customers:spending:USD`, '0', '0', 'REV', 'WITHSCORES')
    redis.disconnect()
    expect(top).toEqual([first?.customer_id, String(Math.round((first?.total_spent ?? 0) * 100))])
    const checked = await shop.runWith(environment, 'rebuild', '--check')
    expect(checked.code, checked.stdout).toBe(0)
    await removeKeys(`${redisUrl}`, prefix)
  })
})
