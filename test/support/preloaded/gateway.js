// For a binary in which TEST_ORDERS, a JSON object by order reference, says what becomes of an order when it is
// charged. All others are captured. With `claiming` and `settling`, the thread ends within the transaction of a file's
// database; these orders are named by their ids.
import { isMainThread } from 'node:worker_threads'
import SqliteDatabase from 'better-sqlite3'
import { SimulatedGateway } from '../../../dist/payments/simulated.js'

const CHARGES = {
  declined: () => ({ status: 'declined', message: 'declined by the test' }),
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

function endDuring(pattern, id) {
  const { prepare } = SqliteDatabase.prototype
  SqliteDatabase.prototype.prepare = function (text) {
    const statement = prepare.call(this, text)
    if (!pattern.test(text)) return statement
    const { run } = statement
    statement.run = function (...values) {
      const result = run.apply(this, values)
      if (this.database.inTransaction && new RegExp(`\\b${id}\\b`).test(JSON.stringify(values))) process.exit(7)
      return result
    }
    return statement
  }
}

if (!isMainThread) {
  const acts = JSON.parse(process.env['TEST_ORDERS'] ?? '{}')
  SimulatedGateway.prototype.charge = async ({ key }) => {
    const [, , reference] = key.split(':')
    return (await CHARGES[acts[reference]]?.()) ?? { status: 'captured', reference: 'paid' }
  }
  for (const [id, act] of Object.entries(acts)) if (act in STATEMENTS) endDuring(STATEMENTS[act], id)
}
