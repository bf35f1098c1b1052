// The figures in Redis agree with every kind of database.

import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { describeOnEngines } from '../support/engine-shop.js'
import { randomPrefix, removeKeys } from '../support/redis.js'
import { describeWith, serverUrl } from '../support/servers.js'

const SAMPLE = readFileSync(new URL('../../sample.csv', import.meta.url), 'utf8')

describeWith('redis', 'figures', () => {
  describeOnEngines('figures in Redis', (test) => {
    test('agree with the database after two drains', async ({ shop }) => {
      const prefix = randomPrefix()
      const environment = { ORDERCTL_REDIS_URL: serverUrl('redis'), ORDERCTL_REDIS_PREFIX: prefix }
      const [header = '', ...lines] = SAMPLE.trimEnd().split('\n')
      for (const some of [lines.slice(0, 50), lines.slice(50)]) {
        await shop.importing([header, ...some, ''].join('\n'), environment, '--force')
        const { code, stderr } = await shop.runWith(environment, 'work', '--drain')
        expect(code, stderr).toBe(0)
      }
      const { code, result } = await shop.jsonWith(environment, 'rebuild', '--check')
      expect(code).toBe(0)
      const customers = expect.objectContaining({ name: 'redis_customers', expected: 25, actual: 25 })
      expect(result).toMatchObject({ differences: 0, checks: expect.arrayContaining([customers]) })
      await removeKeys(prefix)
    })
  })
})
