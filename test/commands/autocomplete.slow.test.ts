// `autocomplete`: its scripts, run in the shells that they are for.

import { readdirSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { SHELLS } from '../../src/command-line/completion-shells.js'
import { isInstalled, startShell } from '../support/shells.js'
import { test } from '../support/shop.js'

/** What is typed, with Tab, and the command line after it. */
const LINES: readonly (readonly [keys: string, expected: string])[] = [
  ['orderctl fai\tre\t', 'orderctl failed retry'],
  ['orderctl failed list --reas\t', 'orderctl failed list --reason'],
  ['orderctl failed list --reason de\t', 'orderctl failed list --reason declined'],
  ['orderctl failed list --reason=de\t', 'orderctl failed list --reason=declined'],
  ['orderctl schedule run k\t', 'orderctl schedule run kpis'],
  ['orderctl import --dry-run my\t', 'orderctl import --dry-run my\\ orders.csv'],
  ['orderctl import --rejects=my\t', 'orderctl import --rejects=my\\ orders.csv'],
  // Any text but a file: nothing is proposed.
  ['orderctl orders show my\t!', 'orderctl orders show my!'],
  // Typed commands do not run before Enter.
  ['orderctl failed $(touch ran) `touch ran` re\t!', 'orderctl failed $(touch ran) `touch ran` re!'],
  ['orderctl failed (touch ran) re\t!', 'orderctl failed (touch ran) re!'],
]

describe.each(SHELLS)('%s', (shell) => {
  test.skipIf(!isInstalled(shell))('completes commands, flags, values and files', async ({ shop, onTestFinished }) => {
    shop.file('my orders.csv', '')
    const { code, stdout, stderr } = await shop.run('autocomplete', shell)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const running = await startShell(shell, stdout, shop.folder)
    onTestFinished(() => running.close())
    for (const [keys, expected] of LINES) await running.expectLine(keys, expected)
    expect(readdirSync(shop.folder)).not.toContain('ran')
  })
})

test('autocomplete has the script in --json, how to install it in its help, and suggests a shell', async ({ shop }) => {
  const { stdout: script } = await shop.run('autocomplete', 'zsh')
  expect(await shop.json('autocomplete', 'zsh')).toEqual({ code: 0, result: { shell: 'zsh', script } })
  const { stdout } = await shop.run('autocomplete', '--help')
  expect(stdout).toContain('orderctl autocomplete bash > ~/.local/share/bash-completion/completions/orderctl')
  const wrong = await shop.run('autocomplete', 'bsh')
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "bash"?') })
})
