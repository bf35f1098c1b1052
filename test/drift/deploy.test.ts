// What is deployed must fit what is released: the command lines and exit codes of the unit files, the settings in the
// environment file, and the commands that docs/deploy.md tells people to type.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { EXIT } from '../../src/errors.js'

const ROOT = resolve(import.meta.dirname, '../..')
const DEPLOY = join(ROOT, 'deploy')
const UNITS = readdirSync(DEPLOY).filter((file) => /\.(service|timer)$/.test(file))
const SERVICES = UNITS.filter((file) => file.endsWith('.service'))
const EXECUTABLE = '/usr/local/bin/orderctl'
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

interface Manifest {
  readonly commands: Record<string, { readonly args: object; readonly flags: Record<string, { type: string }> }>
}
const { commands }: Manifest = JSON.parse(read('oclif.manifest.json'))

/** What stands behind each `orderctl` that begins a command, up to the end of that command. */
function commandLines(text: string): string[] {
  const begins = /(?:^|&&|[|;(]|`|ExecStart=|exec) *(?:\/usr\/local\/bin\/)?orderctl +([^\n|;&#'`)]*)/gm
  return [...text.matchAll(begins)].map(([, line]) => (line ?? '').trim())
}

/** The blocks of shell and of units in a document, and what it quotes in running text. */
function codeOf(markdown: string): string {
  const fence = /```(?:sh|ini)\n([\s\S]*?)```/g
  const blocks = [...markdown.matchAll(fence)].map(([, block]) => block)
  const quoted = [...markdown.replace(fence, '').matchAll(/`(orderctl [^`]+)`/g)].map(([, line]) => line)
  return [...blocks, ...quoted].join('\n')
}

/** What is wrong with a command line, as the manifest has it. */
function faultsOf(line: string): string[] {
  const words = line.split(/ +/)
  const id = words.map((_, index) => words.slice(0, words.length - index).join(':')).find((name) => name in commands)
  const command = id === undefined ? undefined : commands[id]
  if (id === undefined || !command) return ['no such command']
  const faults: string[] = []
  let values = 0
  const rest = words.slice(id.split(':').length)
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('--')) values += 1
    else {
      const [name = '', value] = word.slice(2).split('=')
      const flag = command.flags[name]
      if (!flag) faults.push(`no flag --${name}`)
      else if (flag.type === 'option' && value === undefined && rest.shift() === undefined) {
        faults.push(`--${name} without a value`)
      }
    }
  }
  if (values > Object.keys(command.args).length) faults.push('more arguments than the command takes')
  return faults
}

const lines = [
  ...[...SERVICES, 'supervisor.conf'].map((file) => ({ file: `deploy/${file}`, text: read(`deploy/${file}`) })),
  { file: 'docs/deploy.md', text: codeOf(read('docs/deploy.md')) },
].map(({ file, text }) => ({ file, found: commandLines(text) }))

test.each(lines)('$file runs commands that exist, with flags that they have', ({ found }) => {
  expect(found).not.toEqual([])
  const faults = found.map((line) => ({ line, faults: faultsOf(line) })).filter((entry) => entry.faults.length > 0)
  expect(faults).toEqual([])
})

describe('deploy/orderctl.env', () => {
  const assignments = [...read('deploy/orderctl.env').matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
    ([, name = '', value = '']): [string, string] => [name, value.replace(/^'(.*)'$/, '$1')],
  )

  test('sets only what the configuration knows, also in the lines that are commented out', () => {
    const { settings } = loadConfig({}, { working: tmpdir(), user: tmpdir(), data: tmpdir() })
    const known = settings.map(({ environment }) => environment)
    expect(assignments).not.toEqual([])
    expect(assignments.map(([name]) => name).filter((name) => !known.includes(name))).toEqual([])
  })

  test('gives values that the configuration takes, and a database in the state directory', () => {
    const { config } = loadConfig(Object.fromEntries(assignments), {
      working: tmpdir(),
      user: tmpdir(),
      data: tmpdir(),
    })
    expect(config.database).toMatchObject({ kind: 'sqlite', path: expect.stringMatching(/^\/var\/lib\/orderctl\//) })
  })
})

describe.each(SERVICES)('%s', (file) => {
  const text = read(`deploy/${file}`)
  const settings = text.split('\n').filter((line) => /^\w+=/.test(line))

  test('starts the installed program, and takes its exit codes for what they are', () => {
    expect(settings.filter((line) => line.startsWith(`ExecStart=${EXECUTABLE} `))).toHaveLength(1)
    expect(settings).toContain(`SuccessExitStatus=${EXIT.interrupted}`)
    if (settings.some((line) => line.startsWith('Restart='))) {
      expect(settings).toContain(`RestartPreventExitStatus=${EXIT.usage}`)
    }
  })

  test('writes its log in a format that there is, and nothing else', () => {
    const environment = settings.filter((line) => line.startsWith('Environment=')).map((line) => line.split('='))
    const values = Object.fromEntries(environment.map(([, name = '', value]) => [name, value]))
    expect(loadConfig(values, { working: tmpdir(), user: tmpdir(), data: tmpdir() }).config.logFormat).toBe('json')
    expect(settings).toContain('StandardOutput=null')
  })

  test('has a watchdog where it runs for good, and systemd hears its signs of life from systemd-notify', () => {
    const watched = settings.some((line) => line.startsWith('Restart='))
    const seconds = { s: 1, min: 60 }
    const [, amount, unit] = /^WatchdogSec=(\d+)(s|min)$/m.exec(text) ?? []
    const watchdog = Number(amount) * (unit === 's' || unit === 'min' ? seconds[unit] : Number.NaN)
    // docs/deploy.md says why not less.
    expect(watchdog >= 30).toBe(watched)
    expect(settings.includes('Type=notify')).toBe(watched)
    expect(settings.includes('NotifyAccess=all')).toBe(watched)
  })

  test('is hardened like the others', () => {
    const hardening = (unit: string) => unit.slice(unit.indexOf('\nUser=')).split('\n[')[0]?.trim()
    expect(hardening(text)).toContain('ProtectSystem=strict')
    expect(hardening(text)).toBe(hardening(read('deploy/orderctl-worker@.service')))
  })
})

const installed = spawnSync('systemd-analyze', ['--version']).status === 0

test.skipIf(!installed)('systemd-analyze, where it is installed, finds nothing wrong with the units', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orderctl-units-'))
  try {
    const files = UNITS.map((unit) => {
      const copy = join(folder, unit)
      writeFileSync(copy, read(`deploy/${unit}`).replace(`ExecStart=${EXECUTABLE}`, `ExecStart=${process.execPath}`))
      return copy
    })
    const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' })
    // It also looks at units of this machine that ours name; what it has to say about those is not our business.
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('orderctl-'))).toEqual([])
    expect({ status, stderr }).toMatchObject({ status: 0 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the package brings the deploy files along', () => {
  expect(JSON.parse(read('package.json')).files).toContain('deploy')
})
