// For a binary whose gateway refunds into a ledger, a file with a line per request. TEST_REFUNDS, a JSON object, names
// the `ledger`, what the gateway says (`outcome`), and where the process kills itself (`killed`): before the request
// is in the ledger, before the answer, or before the settlement is committed.
import { appendFileSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import { SimulatedGateway } from '../../../dist/payments/simulated.js'

const { ledger, outcome, killed } = JSON.parse(process.env['TEST_REFUNDS'] ?? '{}')

const kill = () => process.kill(process.pid, 'SIGKILL')

SimulatedGateway.prototype.refund = async ({ key, amount }) => {
  if (killed === 'request') kill()
  appendFileSync(ledger, `${JSON.stringify({ key, ...amount })}\n`)
  if (killed === 'answer') kill()
  // On a server, the settlement takes several turns of the event loop.
  if (killed === 'settle') setImmediate(kill)
  return outcome ?? { status: 'refunded', reference: 'given back' }
}

if (killed === 'settle') {
  const { prepare } = SqliteDatabase.prototype
  SqliteDatabase.prototype.prepare = function (text) {
    if (/^update "refunds" set "status"/.test(text)) kill()
    return prepare.call(this, text)
  }
}
