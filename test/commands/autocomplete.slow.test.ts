// `autocomplete`: the scripts, in the shells that they are for.
import { readdirSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { isInstalled, openTerminal, SHELLS, startShell } from '../support/shells.js'
import { test, type Workplace } from '../support/workplace.js'

async function scriptFor(place: Workplace, shell: string): Promise<string> {
  const { code, stdout, stderr } = await place.run('autocomplete', shell)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

const PROPOSALS: readonly (readonly [line: string, ...words: string[]])[] = [
  ['orderctl fai', 'failed'],
  ['orderctl failed ', 'clear', 'list', 'retry'],
  ['orderctl failed list --s', '--since', '--sku', '--source'],
  ['orderctl failed list --reason de', 'declined'],
  ['orderctl failed list --reason=de', 'declined'],
  ['orderctl schedule run k', 'kpis'],
  ['orderctl import --dry-run o', 'orders.csv'],
  ['orderctl import --rejects=o', 'orders.csv'],
  ['orderctl orders show o'],
  // Nothing that is typed is run before Enter.
  ['orderctl failed $(touch ran-1) `touch ran-2` re'],
  ['orderctl failed (touch ran-3) re'],
]

describe.each(SHELLS)('%s', (shell) => {
  test.skipIf(!isInstalled(shell))('proposes commands, flags, values and files', async ({ place, onTestFinished }) => {
    place.file('orders.csv', '')
    const running = await startShell(shell, await scriptFor(place, shell), place.folder)
    onTestFinished(() => running.close())
    for (const [line, ...words] of PROPOSALS)
      expect([line, ...(await running.propose(line)).sort()]).toEqual([line, ...words])
    expect(readdirSync(place.folder).filter((name) => name.startsWith('ran'))).toEqual([])
  })
})

test.skipIf(!isInstalled('bash'))('bash leaves names with spaces to Readline', async ({ place, onTestFinished }) => {
  place.file('my orders.csv', '')
  const file = place.file('script', await scriptFor(place, 'bash'))
  const terminal = openTerminal('bash', ['--norc', '--noprofile', '-i'], place.folder)
  onTestFinished(() => terminal.close())
  terminal.type(`source ${file}; echo LOADED-$((1 + 1))\r`)
  await terminal.saw('LOADED-2')
  terminal.type('orderctl import my\t')
  await terminal.saw('orderctl import my\\ orders.csv')
  terminal.type('\x15orderctl failed list --reason=dec\t')
  await terminal.saw('--reason=declined')
})

test('takes the login shell by default, and asks for a name if it does not know it', async ({ place }) => {
  const fish = await place.runWith({ SHELL: '/usr/bin/fish' }, 'autocomplete')
  expect(fish).toMatchObject({ code: 0, stdout: expect.stringContaining('complete -c orderctl') })
  const other = await place.runWith({ SHELL: '/bin/tcsh' }, 'autocomplete')
  expect(other).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('orderctl autocomplete bash') })
  const wrong = await place.run('autocomplete', 'bsh')
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "bash"?') })
})

test('gives the script under --json, and the way to install it in the help', async ({ place }) => {
  const { result } = await place.json('autocomplete', 'zsh')
  expect(result).toEqual({ shell: 'zsh', script: await scriptFor(place, 'zsh') })
  const { stdout } = await place.run('autocomplete', '--help')
  expect(stdout).toContain('orderctl autocomplete bash > ~/.local/share/bash-completion/completions/orderctl')
})
