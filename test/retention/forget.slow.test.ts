// A database file that another process reads for so long that nothing can be erased from its log.
import { expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'

test('customers forget says if another process keeps the log from being emptied', async ({ shop }) => {
  await shop.importing(csv(line({ customer: 'jane', name: 'Jane Doe' })))
  await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
  shop.sqlite.exec('begin; select * from customers')
  expect(shop.value('select name from customers')).toBe('Jane Doe')
  const { code, stderr } = await shop.run('customers', 'forget', 'jane', '--yes')
  expect(code).toBe(3)
  expect(stderr).toContain('vacuum; pragma wal_checkpoint(truncate)')
  shop.sqlite.exec('commit')
  expect(shop.value('select name from customers')).toBe('Forgotten customer')
})
