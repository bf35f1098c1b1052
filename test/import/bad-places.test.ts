// Disks that are full and folders that are missing: nothing is lost, and --resume goes on.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { importJson, moreThanABlock, orders, shell } from '../support/orders-file.js'
import { test } from '../support/shop.js'
import { expectRefusal } from './refusal.js'

describe.concurrent('an import stops', () => {
  test('at its first bad line if the rejects file cannot be written', async ({ shop }) => {
    shop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    await expectRefusal(shop, ['orders.csv', '--rejects', 'none/rejects.csv'], {
      exit: 1,
      code: 'rejects_unwritable',
      says: /none\/rejects\.csv \(ENOENT\)/,
      fix: '--resume',
    })
    mkdirSync(join(shop.folder, 'none'))
    const { code, told } = await importJson(shop, 'orders.csv', '--rejects', 'none/rejects.csv', '--resume')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 2, imported: 1, rejected: 1, published: 1 })
  })

  test('at a full disk, and what was committed is safe', async ({ shop }) => {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G'), ...moreThanABlock('H')]
    shop.file('orders.csv', csv(...filler))
    // The largest file that a process may write, in KiB, stands in for the disk.
    const limited = 'trap "" XFSZ; ulimit -f 600; exec "$@"'
    const full = await shell(shop, limited, 'import', 'orders.csv', '--json').ended
    expect(full).toMatchObject({ code: 1, stderr: '' })
    const message = expect.stringContaining(shop.path)
    expect(JSON.parse(full.stdout)).toMatchObject({ error: { code: 'disk_full', message, retryable: true } })
    expect(shop.value('select count(*) from due_orders')).toBe(0)

    const count = filler.length
    const { told } = await importJson(shop, 'orders.csv', '--resume')
    expect(told).toMatchObject({ rows: count, imported: count, published: count })
    expect(orders(shop)).toHaveLength(count)
  })
})
