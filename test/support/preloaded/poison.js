// For a binary that meets a poison order: TEST_POISON is `KIND KEY`, and what KIND says happens in a thread of the worker
// when the order with that payment key is charged. With `claiming` and `settling`, the thread ends within the transaction of a
// file's database; there, KEY is the order's id.
import { isMainThread } from 'node:worker_threads'
import SqliteDatabase from 'better-sqlite3'
import { SimulatedGateway } from '../../../dist/payments/simulated.js'

const [kind, key] = (process.env['TEST_POISON'] ?? '').split(' ')

const CHARGES = {
  killing: () => process.kill(process.pid, 'SIGKILL'),
  exiting: () => process.exit(7),
  throwing: () => {
    setImmediate(() => {
      throw new Error('nobody catches this')
    })
    return new Promise(() => undefined)
  },
  looping: () => {
    for (;;);
  },
  hanging: () => new Promise(() => undefined),
}

const STATEMENTS = { claiming: /^insert into "payments"/, settling: /^update "payments"/ }

function poisonCharges(act) {
  const { charge } = SimulatedGateway.prototype
  SimulatedGateway.prototype.charge = function (order, timeoutMs) {
    return (order.key === key ? act() : undefined) ?? charge.call(this, order, timeoutMs)
  }
}

function poisonStatements(pattern) {
  const { prepare } = SqliteDatabase.prototype
  SqliteDatabase.prototype.prepare = function (text) {
    const statement = prepare.call(this, text)
    if (!pattern.test(text)) return statement
    const { run } = statement
    statement.run = function (...values) {
      const result = run.apply(this, values)
      if (this.database.inTransaction && new RegExp(`\\b${key}\\b`).test(JSON.stringify(values))) process.exit(7)
      return result
    }
    return statement
  }
}

if (!isMainThread && kind in CHARGES) poisonCharges(CHARGES[kind])
if (!isMainThread && kind in STATEMENTS) poisonStatements(STATEMENTS[kind])
