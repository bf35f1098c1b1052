// Disks that are full and folders that are missing: nothing is lost, and --resume goes on.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { importJson, moreThanABlock, orders, shell } from '../support/orders-file.js'
import { csv, line, test } from '../support/workplace.js'
import { expectRefusal } from './refusal.js'

describe.concurrent('an import stops', () => {
  test('at its first bad line if the rejects file cannot be written', async ({ place }) => {
    place.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    await expectRefusal(place, ['orders.csv', '--rejects', 'none/rejects.csv'], {
      exit: 1,
      code: 'rejects_unwritable',
      says: /none\/rejects\.csv \(ENOENT\)/,
      fix: '--resume',
    })
    mkdirSync(join(place.folder, 'none'))
    const { code, told } = await importJson(place, 'orders.csv', '--rejects', 'none/rejects.csv', '--resume')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 2, imported: 1, rejected: 1, published: 1 })
  })

  test('at a full disk, and what was committed is safe', async ({ place }) => {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G'), ...moreThanABlock('H')]
    place.file('orders.csv', csv(...filler))
    // The largest file that a process may write, in KiB, stands in for the disk.
    const limited = 'trap "" XFSZ; ulimit -f 600; exec "$@"'
    const full = await shell(place, limited, 'import', 'orders.csv', '--json').ended
    expect(full).toMatchObject({ code: 1, stderr: '' })
    const message = expect.stringContaining(place.databasePath)
    expect(JSON.parse(full.stdout)).toMatchObject({ error: { code: 'disk_full', message, retryable: true } })
    expect(place.value('select count(*) from due_orders')).toBe(0)

    const count = filler.length
    const { told } = await importJson(place, 'orders.csv', '--resume')
    expect(told).toMatchObject({ rows: count, imported: count, published: count })
    expect(orders(place)).toHaveLength(count)
  })
})
