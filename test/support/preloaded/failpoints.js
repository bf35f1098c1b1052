// For a binary in which one call fails. Every call of the process, and of its threads, that leaves it has a number:
// statements on a SQLite file, writes to servers, and changes of files. TEST_FAILPOINTS, a JSON object, says what
// happens at call `at`:
//   crash        the process is killed before the call
//   crash-after  the same when the answer of a server arrives
//   error        the call fails
//   errors       this call and all later ones fail
//   lost         the call succeeds, but its answer is lost
// The last of these and crash-after need a call that changes what outlives the process, and pass others by: how often a
// worker asks differs between runs. The file `log` gets a line for each call; if `at` is set, for the one that met it.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import SqliteDatabase from 'better-sqlite3'

const { at, fault, log } = JSON.parse(process.env['TEST_FAILPOINTS'])
const { writeSync } = fs
const logged = fs.openSync(log, 'a')
const calls = isMainThread ? new Int32Array(new SharedArrayBuffer(4)) : getEnvironmentData('failpoints')
if (isMainThread) setEnvironmentData('failpoints', calls)

const NEED_CHANGES = new Set(['crash-after', 'lost'])

const kill = () => process.kill(process.pid, 'SIGKILL')

/**
 * Counts a call. Kills the process, or returns what happens to the call.
 *
 * @param isDurable whether the call changes what outlives the process
 */
function reach(place, text, isDurable) {
  const number = Atomics.add(calls, 0, 1) + 1
  if (number === at && !isDurable && NEED_CHANGES.has(fault)) return undefined
  if (at === undefined || number === at) {
    const label = text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200)
    writeSync(logged, `${JSON.stringify({ number, place, label, isDurable })}\n`)
  }
  if (number === at && fault === 'crash') kill()
  if (number === at || (number > at && fault === 'errors')) return fault
  return undefined
}

const isError = (met) => met === 'error' || met === 'errors'

// SQLite. Within a transaction, only the commit is durable.
const READS = /^\s*(select|with|pragma|begin|rollback|explain)/i
const statements = Object.getPrototypeOf(new SqliteDatabase(':memory:').prepare('select 1'))
const diskError = () => new SqliteDatabase.SqliteError('disk I/O error', 'SQLITE_IOERR')
for (const name of ['run', 'all', 'get', 'iterate']) {
  const original = statements[name]
  statements[name] = function (...values) {
    const isDurable = /^\s*commit/i.test(this.source) || !(READS.test(this.source) || this.database.inTransaction)
    const met = reach('sqlite', this.source, isDurable)
    if (isError(met)) throw diskError()
    const result = original.apply(this, values)
    if (met === 'lost') throw diskError()
    return result
  }
}

// Servers, by TCP: databases, queues, the gateway, webhooks.
const toServers = new WeakSet()
const { connect, _writeGeneric } = Socket.prototype
const reset = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })

Socket.prototype.connect = function (...values) {
  const [options] = Array.isArray(values[0]) ? values[0] : values
  const port = typeof options === 'object' ? options.port : options
  if (Number.isNaN(Number(port ?? 'a path'))) return connect.apply(this, values)
  toServers.add(this)
  if (!isError(reach('server', `connect ${port}`, false))) return connect.apply(this, values)
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
  this.connecting = true
  process.nextTick(() => this.destroy(refused))
  return this
}

Socket.prototype._writeGeneric = function (isVector, data, encoding, done) {
  if (this.connecting || !toServers.has(this)) return _writeGeneric.call(this, isVector, data, encoding, done)
  const text = isVector ? data.map(({ chunk }) => chunk.toString('latin1')).join('') : data.toString('latin1')
  const met = reach('server', text, true)
  if (isError(met)) {
    this.destroy(reset())
    return done(reset())
  }
  if (met !== undefined) {
    this.push = () => {
      if (met === 'crash-after') kill()
      this.destroy(reset())
      return false
    }
  }
  return _writeGeneric.call(this, isVector, data, encoding, done)
}

// Files that are written. Node's own functions call each other, which counts once.
const fileError = (name) => Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', syscall: name })
const { O_WRONLY, O_RDWR } = fs.constants
const opensToWrite = ([, flags = 'r']) =>
  typeof flags === 'string' ? flags !== 'r' : (flags & (O_WRONLY | O_RDWR)) !== 0
const isNoStream = ([file]) => typeof file !== 'number' || file > 2

let inside = false
function patchSync(name, counts) {
  const original = fs[name]
  fs[name] = (...values) => {
    if (inside || !counts(values)) return original(...values)
    inside = true
    try {
      const met = reach('file', name, true)
      if (isError(met)) throw fileError(name)
      const result = original(...values)
      if (met === 'lost') throw fileError(name)
      return result
    } finally {
      inside = false
    }
  }
}

function patchAsync(name, counts) {
  const original = fs.promises[name]
  fs.promises[name] = async (...values) => {
    if (!counts(values)) return original(...values)
    const met = reach('file', name, true)
    if (isError(met)) throw fileError(name)
    const result = await original(...values)
    if (met === 'lost') throw fileError(name)
    return result
  }
}

for (const name of ['writeSync', 'writeFileSync', 'fsyncSync', 'ftruncateSync']) patchSync(name, isNoStream)
for (const name of ['renameSync', 'linkSync', 'unlinkSync', 'mkdirSync', 'chmodSync', 'copyFileSync', 'rmSync'])
  patchSync(name, () => true)
for (const name of ['copyFile', 'link', 'mkdir', 'rename', 'rm', 'rmdir', 'unlink']) patchAsync(name, () => true)
patchSync('openSync', opensToWrite)
patchAsync('open', opensToWrite)
syncBuiltinESMExports()
