// Which failures a service waits for, in place of ending.
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { readDatabaseAddress, readQueueAddress } from '../../src/servers/addresses.js'
import { problemIn } from '../../src/servers/explain.js'
import { temporaryProblem } from '../../src/workflow/outage.js'

const DATABASE = readDatabaseAddress('postgres://shop@127.0.0.1/shop')
const QUEUE = readQueueAddress('postgres://shop@127.0.0.1/jobs')

/** An error of pg with this code, explained for the server that it came from. */
function failure(code: string, address: typeof DATABASE | typeof QUEUE): Error {
  if (address.kind === 'embedded') throw new TypeError('a queue without a server')
  const problem = problemIn(Object.assign(new Error('by the test'), { code, severity: 'ERROR' }), address)
  if (!problem) throw new TypeError(`${code} has no explanation`)
  return new UserError(problem)
}

describe('a service waits', () => {
  test.each([
    ['a conflict of transactions in the queue', '40001', QUEUE],
    ['a conflict of transactions in the database', '40001', DATABASE],
    ['a full disk', '53100', DATABASE],
    ['a statement that a time limit of the database ended', '57014', DATABASE],
    ['a statement that a time limit of the queue ended', '57014', QUEUE],
  ] as const)('after %s', (_, code, address) => {
    expect(temporaryProblem(failure(code, address), DATABASE)).toBeInstanceOf(UserError)
  })
})

test('a service ends after a wrong password', () => {
  expect(temporaryProblem(failure('28P01', DATABASE), DATABASE)).toBe(undefined)
})
