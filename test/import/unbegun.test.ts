// An import that failed before it stored a line leaves nothing behind that somebody would have to go on with.
import { expect } from 'vitest'
import { csv, line, test } from '../support/workplace.js'

test('a file without a header is no unfinished import, and does not stand in the way of the next', async ({
  place,
}) => {
  const refused = await place.run('import', place.file('orders.csv', 'nothing,known\n1,2\n'))
  expect(refused.code).toBe(2)
  expect(place.rows('select status from imports')).toEqual([{ status: 'taken_back' }])
  expect((await place.json('status')).result).toMatchObject({ imports: [] })
  const { code, result } = await place.json('import', place.file('orders.csv', csv(line())))
  expect(code).toBe(0)
  expect(result).toMatchObject({ rows: 1, imported: 1, published: 1 })
})
