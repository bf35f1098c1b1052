// A command that waits for what cannot come any more: Node would end it with 13 and no message.
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'

const CONFIG_COMMAND = pathToFileURL(resolve(import.meta.dirname, '../../dist/commands/config.js')).href

/** A command whose run never settles, started as bin/run.js starts one. */
const SCRIPT = `
  import ConfigCommand from '${CONFIG_COMMAND}'
  class Waiting extends ConfigCommand {
    async run() {
      await this.parse(Waiting)
      await new Promise(() => undefined)
    }
  }
  await Waiting.run(process.argv.slice(1), { root: process.cwd() })
`

async function runWaiting(...args: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT, '--', ...args], {
    cwd: resolve(import.meta.dirname, '../..'),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const code = await new Promise((ended) => child.on('close', ended))
  return { code, stdout, stderr }
}

describe('a command that nothing can finish any more', () => {
  test('ends with 1, and says what to do', async () => {
    const { code, stderr } = await runWaiting()
    expect(stderr).toContain('Error: The command stopped before it was done')
    expect(stderr).toContain('orderctl doctor')
    expect(stderr).not.toContain('unsettled')
    expect(code).toBe(4)
  })

  test('ends with 1 and an error under --json', async () => {
    const { code, stdout, stderr } = await runWaiting('--json')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'unfinished', retryable: true } })
    expect(code).toBe(4)
  })
})
