// `autocomplete`: its scripts, run in the shells that they are for.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { SHELLS, type Shell } from '../../src/command-line/completion-shells.js'
import { BINARY } from '../support/cli.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { type Shop, test } from '../support/shop.js'

/** What is typed, with Tab, and the command line after it. */
const LINES: readonly (readonly [keys: string, expected: string])[] = [
  ['orderctl fai\tret\t', 'orderctl failed retry'],
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

const PROMPT = 'READY> '

/** How each shell starts with its prompt and the script. `folder` is its home. */
const STARTS: Record<Shell, (script: string, folder: string) => string[]> = {
  bash(script, folder) {
    writeFileSync(join(folder, '.rc'), `PS1='${PROMPT}'\n${script}`)
    return ['--noprofile', '--rcfile', join(folder, '.rc'), '-i']
  },
  zsh(script, folder) {
    const setup = `PS1='${PROMPT}'; autoload -Uz compinit && compinit -u -D`
    writeFileSync(join(folder, '.zshrc'), `${setup}\n${script}`)
    return ['-d', '-i']
  },
  fish(script) {
    const setup = `function fish_prompt; echo -n '${PROMPT}'; end; set -g fish_autosuggestion_enabled 0`
    return ['--no-config', '-i', '-C', `${setup}\n${script}`]
  },
}

/** Starts the shell with the script of `autocomplete`, and an `orderctl` in PATH. */
async function startShell(shell: Shell, script: string, shop: Shop) {
  const { folder } = shop
  const programs = join(folder, '.bin')
  mkdirSync(programs)
  writeFileSync(join(programs, 'orderctl'), `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`, { mode: 0o755 })
  const environment = { PATH: `${programs}:${process.env['PATH']}` }
  const program = [shell, ...STARTS[shell](script, folder)]
  const terminal = new PseudoTerminal(shop, { columns: 160, rows: 40, environment, program })
  await expect.poll(() => terminal.line).toBe(PROMPT.trim())
  return terminal
}

/** Waits until the command line is `expected`, after the keys were typed into an empty one. */
async function expectLine(terminal: PseudoTerminal, keys: string, expected: string): Promise<void> {
  terminal.type(`\x15${keys}`)
  await expect.poll(() => terminal.line.replace(PROMPT, ''), { message: keys }).toBe(expected)
}

describe.each(SHELLS)('%s', (shell) => {
  test.skipIf(spawnSync(shell, ['--version']).status !== 0)(
    'completes commands, flags, values and files',
    async ({ shop, onTestFinished }) => {
      shop.file('my orders.csv', '')
      const { code, stdout, stderr } = await shop.run('autocomplete', shell)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const terminal = await startShell(shell, stdout, shop)
      onTestFinished(() => terminal.close().catch(() => undefined))
      for (const [keys, expected] of LINES) await expectLine(terminal, keys, expected)
      expect(readdirSync(shop.folder)).not.toContain('ran')
    },
  )
})

test('autocomplete has the script in --json, how to install it in its help, and suggests a shell', async ({ shop }) => {
  const { stdout: script } = await shop.run('autocomplete', 'zsh')
  expect(await shop.json('autocomplete', 'zsh')).toEqual({ code: 0, result: { shell: 'zsh', script } })
  const { stdout } = await shop.run('autocomplete', '--help')
  expect(stdout).toContain('orderctl autocomplete bash > ~/.local/share/bash-completion/completions/orderctl')
  const wrong = await shop.run('autocomplete', 'bsh')
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "bash"?') })
})
