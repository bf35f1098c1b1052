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
const load = (environment: Record<string, string> = {}) =>
  loadConfig(environment, { working: tmpdir(), user: tmpdir(), data: tmpdir() })

interface Manifest {
  readonly commands: Record<string, { readonly args: object; readonly flags: Record<string, { type: string }> }>
}
const { commands }: Manifest = JSON.parse(read('oclif.manifest.json'))

/** The arguments of each command that starts with `orderctl`. */
function commandLines(text: string): string[] {
  const begins = /(?:^|&&|[|;(]|`|ExecStart=|exec) *(?:\/usr\/local\/bin\/)?orderctl +([^\n|;&#'`)]*)/gm
  return [...text.matchAll(begins)].map(([, line]) => (line ?? '').trim())
}

/** The shell and unit blocks of a document, and the commands that it quotes in its text. */
function codeOf(markdown: string): string {
  const fence = /```(?:sh|ini)\n([\s\S]*?)```/g
  const blocks = [...markdown.matchAll(fence)].map(([, block]) => block)
  const quoted = [...markdown.replace(fence, '').matchAll(/`(orderctl [^`]+)`/g)].map(([, line]) => line)
  return [...blocks, ...quoted].join('\n')
}

/** Where a command line disagrees with the manifest. */
function faultsOf(line: string): string[] {
  const words = line.split(/ +/)
  const ids = words.map((_, index) => words.slice(0, words.length - index).join(':'))
  const id = ids.find((name) => name in commands) ?? ''
  const command = commands[id]
  if (!command) return ['no such command']
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

test.each([
  ...[...SERVICES, 'supervisor.conf'].map((file) => [`deploy/${file}`, read(`deploy/${file}`)]),
  ['docs/deploy.md', codeOf(read('docs/deploy.md'))],
])('%s runs commands that exist, with flags that they have', (_, text = '') => {
  const lines = commandLines(text)
  expect(lines).not.toEqual([])
  expect(lines.flatMap((line) => faultsOf(line).map((fault) => `${line}: ${fault}`))).toEqual([])
})

describe('deploy/orderctl.env', () => {
  const assignments = [...read('deploy/orderctl.env').matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
    ([, name = '', value = '']): [string, string] => [name, value.replace(/^'(.*)'$/, '$1')],
  )

  test('has known settings only, with valid values, and a database in the state directory', () => {
    const known = load().settings.map(({ environment }) => environment)
    expect(assignments).not.toEqual([])
    expect(assignments.map(([name]) => name).filter((name) => !known.includes(name))).toEqual([])
    const { config } = load(Object.fromEntries(assignments))
    expect(config.database).toMatchObject({ kind: 'sqlite', path: expect.stringMatching(/^\/var\/lib\/orderctl\//) })
  })
})

describe.each(SERVICES)('%s', (file) => {
  const text = read(`deploy/${file}`)
  const settings = text.split('\n').filter((line) => /^\w+=/.test(line))

  test('starts the installed program, handles its exit codes, and writes its log as JSON and nothing else', () => {
    expect(settings.filter((line) => line.startsWith(`ExecStart=${EXECUTABLE} `))).toHaveLength(1)
    expect(settings).toContain(`SuccessExitStatus=${EXIT.interrupted}`)
    if (settings.some((line) => line.startsWith('Restart='))) {
      expect(settings).toContain(`RestartPreventExitStatus=${EXIT.usage}`)
    }
    const environment = settings.filter((line) => line.startsWith('Environment=')).map((line) => line.split('='))
    const values = Object.fromEntries(environment.map(([, name = '', value = '']) => [name, value]))
    expect(load(values).config.logFormat).toBe('json')
    expect(settings).toContain('StandardOutput=null')
  })

  test('has a watchdog of at least 30 s with systemd-notify exactly if it is restarted', () => {
    const watched = settings.some((line) => line.startsWith('Restart='))
    const [, amount, unit] = /^WatchdogSec=(\d+)(s|min)$/m.exec(text) ?? []
    // docs/deploy.md has the reason.
    expect(Number(amount) * (unit === 'min' ? 60 : 1) >= 30).toBe(watched)
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

test.skipIf(!installed)('systemd-analyze finds nothing wrong with the units', ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'orderctl-units-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = UNITS.map((unit) => {
    const copy = join(folder, unit)
    writeFileSync(copy, read(`deploy/${unit}`).replace(`ExecStart=${EXECUTABLE}`, `ExecStart=${process.execPath}`))
    return copy
  })
  const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' })
  // It also reports on units of this machine that ours refer to.
  expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('orderctl-'))).toEqual([])
  expect({ status, stderr }).toMatchObject({ status: 0 })
})

test('the package contains the deploy files', () => {
  expect(JSON.parse(read('package.json')).files).toContain('deploy')
})
