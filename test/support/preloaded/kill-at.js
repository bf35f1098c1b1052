// For a binary on a SQLite file: kills its process at the call number TEST_KILL_AT. Counts each commit twice, before
// and after it, and the calls that make files durable or name them.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import SqliteDatabase from 'better-sqlite3'

let left = Number(process.env['TEST_KILL_AT'])

function step() {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

for (const name of ['fsyncSync', 'linkSync', 'rmSync']) {
  const call = fs[name]
  fs[name] = (...args) => {
    step()
    return call(...args)
  }
}
syncBuiltinESMExports()

const { prepare } = SqliteDatabase.prototype
SqliteDatabase.prototype.prepare = function (text) {
  const statement = prepare.call(this, text)
  if (text !== 'commit') return statement
  const { run } = statement
  statement.run = (...args) => {
    step()
    const result = run.apply(statement, args)
    step()
    return result
  }
  return statement
}
