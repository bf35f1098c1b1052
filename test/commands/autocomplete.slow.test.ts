// `autocomplete`: the scripts, in the shells that they are for.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect } from 'vitest'
import type { Completion } from '../../src/terminal/completion.js'
import { bashCompletion } from '../../src/terminal/completion-bash.js'
import { fishCompletion } from '../../src/terminal/completion-fish.js'
import { zshCompletion } from '../../src/terminal/completion-zsh.js'
import { isInstalled, openTerminal, startShell } from '../support/shells.js'
import { test, type Workplace } from '../support/workplace.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
const MANIFEST = resolve(import.meta.dirname, '../../oclif.manifest.json')

async function scriptFor(place: Workplace, shell: string): Promise<string> {
  const { code, stdout, stderr } = await place.run('autocomplete', shell)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** What is typed, and the words that every shell proposes, in any order. */
const PROPOSALS: readonly (readonly [string, readonly string[]])[] = [
  ['orderctl fai', ['failed']],
  ['orderctl failed ', ['clear', 'list', 'retry']],
  ['orderctl failed re', ['retry']],
  ['orderctl failed list --s', ['--since', '--sku', '--source']],
  ['orderctl failed list --reason ', ['declined', 'expired', 'out_of_stock', 'payment_unknown', 'poison']],
  ['orderctl failed list --reason=de', ['declined']],
  ['orderctl failed list --reason declined --sou', ['--source']],
  // What looks like a command is the value of a flag.
  ['orderctl failed list --source failed --rea', ['--reason']],
  ['orderctl orders list --status ro', ['rolled_back']],
  ['orderctl status --format ', ['prom', 'table']],
  ['orderctl import --on-error ', ['abort', 'skip']],
  // A command and a topic at once.
  ['orderctl schedule ', ['list', 'run']],
  ['orderctl schedule run ', ['alarms', 'kpis', 'leaderboards', 'reservations', 'snapshots']],
  ['orderctl leaderboard ', ['customers', 'products', 'rank']],
  ['orderctl rebuild l', ['leaderboard']],
  ['orderctl autocomplete ', ['bash', 'fish', 'zsh']],
  // Nobody knows what is wanted here, and it is no file.
  ['orderctl failed list --source o', []],
  ['orderctl orders show o', []],
]

describe.each(SHELLS)('%s', (shell) => {
  describe.skipIf(!isInstalled(shell))(isInstalled(shell) ? 'here' : `(${shell} is not installed)`, () => {
    test('finds nothing wrong with the script', async ({ place }) => {
      const file = place.file('script', await scriptFor(place, shell))
      expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
    })

    test('proposes commands, flags, their values and tasks', async ({ place, onTestFinished }) => {
      const running = await startShell(shell, await scriptFor(place, shell), place.folder)
      onTestFinished(() => running.close())
      for (const [line, words] of PROPOSALS)
        expect([line, ...(await running.propose(line)).sort()]).toEqual([line, ...words])
    })

    test('proposes files where a file is wanted', async ({ place, onTestFinished }) => {
      place.file('orders.csv', '')
      const running = await startShell(shell, await scriptFor(place, shell), place.folder)
      onTestFinished(() => running.close())
      for (const line of ['orderctl import o', 'orderctl import --rejects o', 'orderctl products import o'])
        expect([line, ...(await running.propose(line))]).toEqual([line, 'orders.csv'])
    })

    test('runs nothing that stands in a description or a value', async ({ place, onTestFinished }) => {
      const render = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[shell]
      const running = await startShell(shell, render(hostile), place.folder, 'shop')
      onTestFinished(() => running.close())
      expect(await running.propose('shop ')).toEqual(['sell'])
      expect(await running.propose('shop sell --ho')).toEqual(['--how'])
      const words = (await running.propose('shop sell --how ')).map((word) => word.replace(/\\(.)/g, '$1'))
      expect(words.sort()).toEqual([...HOSTILE].sort())
      expect((await running.propose('shop sell ')).map((word) => word.replace(/\\(.)/g, '$1')).sort()).toEqual(
        [...HOSTILE].sort(),
      )
      expect(readdirSync(place.folder).filter((name) => name.startsWith('ran'))).toEqual([])
    })
  })
})

const HOSTILE = ["it's", '$(touch ran-1)', '`touch ran-2`', 'a b', 'c;touch ran-3', '[x]:y', '"(touch ran-4)"']
const about = `${HOSTILE.join(' ')} ]: \\`
const hostile: Completion = {
  program: 'shop',
  commands: [
    { path: [], below: [{ word: 'sell', about }], flags: [], arguments: [] },
    {
      path: ['sell'],
      below: [],
      flags: [
        { spellings: ['--how', '-h'], about, value: { kind: 'words', name: about, words: HOSTILE }, repeatable: true },
        { spellings: ['--loud'], about, value: undefined, repeatable: false },
      ],
      arguments: [{ value: { kind: 'words', name: about, words: HOSTILE }, repeatable: true }],
    },
  ],
}

interface Manifest {
  readonly commands: Record<string, { readonly hidden?: boolean; readonly flags: Record<string, { name: string }> }>
}

describe.skipIf(!isInstalled('bash'))('the script for bash', () => {
  test('proposes every flag of every command', async ({ place }) => {
    const { commands }: Manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'))
    const running = await startShell('bash', await scriptFor(place, 'bash'), place.folder)
    for (const [id, { flags }] of Object.entries(commands)) {
      const expected = [...Object.keys(flags), 'help'].map((name) => `--${name}`)
      expect([id, ...(await running.propose(`orderctl ${id.replaceAll(':', ' ')} --`)).sort()]).toEqual([
        id,
        ...expected.sort(),
      ])
    }
  })

  test('leaves names with spaces to Readline', async ({ place, onTestFinished }) => {
    writeFileSync(join(place.folder, 'my orders.csv'), '')
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
})

describe.concurrent('autocomplete', () => {
  test('takes the login shell where none is named, and says what to do where it knows none', async ({ place }) => {
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
})
