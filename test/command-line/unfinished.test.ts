// A command that waits for something that cannot happen: Node would end it with 13 and no message.
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** A command whose run never settles, started as bin/run.js starts one. */
const SCRIPT = `
  import ConfigCommand from '${pathToFileURL(`${ROOT}/dist/commands/config.js`).href}'
  class Waiting extends ConfigCommand {
    async run() {
      await this.parse(Waiting)
      await new Promise(() => undefined)
    }
  }
  await Waiting.run(process.argv.slice(1), { root: process.cwd() })
`

test.for([
  { flags: [], stdout: /^$/, stderr: /^Error: .*\n.*orderctl doctor/ },
  { flags: ['--json'], stdout: /^$/, stderr: /"code": "unfinished"[\s\S]*"retryable": true/ },
])('a command that can never finish exits with 4 and names the next step: $flags', ({ flags, ...expected }) => {
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', SCRIPT, '--', ...flags], { cwd: ROOT })
  expect(run.stdout.toString()).toMatch(expected.stdout)
  expect(run.stderr.toString()).toMatch(expected.stderr)
  expect(run.stderr.toString()).not.toContain('unsettled')
  expect(run.status).toBe(4)
})
