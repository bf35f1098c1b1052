// For a binary that is killed before its n-th call of the file system that changes something (TEST_CRASH_AT), counting
// from the first in a folder (TEST_CRASH_IN). It writes how many calls there were to TEST_CALLS.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { TEST_CRASH_AT: at, TEST_CRASH_IN: folder = '/', TEST_CALLS: report } = process.env
const write = fs.writeFileSync
let calls = 0

for (const name of ['renameSync', 'linkSync', 'rmSync', 'fsyncSync', 'openSync', 'chownSync', 'copyFileSync']) {
  const original = fs[name]
  fs[name] = (...args) => {
    const isOurs = typeof args[0] === 'number' || String(args[0]).startsWith(folder)
    if (isOurs && ++calls === Number(at)) process.kill(process.pid, 'SIGKILL')
    return original(...args)
  }
}
syncBuiltinESMExports()
process.on('exit', () => write(report, String(calls)))
