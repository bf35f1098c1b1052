// Breaks the code on purpose, one guarantee at a time, in copies of the repository, and expects a test to fail for it.
// ADR 33 has the reasons.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { afterAll, describe, expect, test } from 'vitest'
import { MUTANTS, type Mutant } from './mutants.js'

const ROOT = resolve(import.meta.dirname, '../..')
const LEFT_OUT = ['.git', 'dist', 'node_modules']

/** What Vitest's JSON reporter writes. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** A copy of the repository, with the packages of this one. */
class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-mutant-'))

  constructor() {
    cpSync(ROOT, this.folder, { recursive: true, filter: (path) => !LEFT_OUT.includes(relative(ROOT, path)) })
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'))
  }

  build(signal: AbortSignal) {
    return this.#run(['rolldown/bin/cli.mjs', '--config', 'rolldown.config.js'], signal)
  }

  /** Runs those tests in the files whose names match. @param bail after how many failures to stop; 0 for never */
  async test(files: readonly string[], named: string, bail: number, signal: AbortSignal) {
    const report = join(this.folder, 'report.json')
    rmSync(report, { force: true })
    const which = ['--project', 'tests', '--project', 'slow', ...files.map((file) => `test/${file}`), '-t', named]
    const output = ['--bail', String(bail), '--reporter', 'json', '--outputFile', report]
    const { stderr } = await this.#run(['vitest/vitest.mjs', 'run', ...which, ...output], signal)
    if (!existsSync(report)) throw new Error(`the tests did not end: ${stderr}`)
    const { testResults }: Report = JSON.parse(readFileSync(report, 'utf8'))
    const results = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.map((result) => ({ ...result, file: relative(join(this.folder, 'test'), name) })),
    )
    const withStatus = (status: string) => results.filter((result) => result.status === status)
    return { passed: withStatus('passed'), failed: withStatus('failed') }
  }

  /** Runs a program of a package. The signal ends it; Ctrl-C reaches everything that it has started. */
  async #run([program = '', ...args]: readonly string[], signal: AbortSignal) {
    const { VITEST: _, NODE_ENV: __, ...environment } = process.env
    const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('VITEST_')))
    const command = [join('node_modules', program), ...args]
    const child = spawn(process.execPath, command, { cwd: this.folder, env })
    const end = () => child.kill()
    signal.addEventListener('abort', end)
    let stderr = ''
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.stdout.resume()
    const code = await new Promise((ended) => child.on('close', ended))
    signal.removeEventListener('abort', end)
    return { code, stderr }
  }
}

const copies: Copy[] = []
const free: Copy[] = []

async function inCopy<Result>(act: (copy: Copy) => Promise<Result>): Promise<Result> {
  let copy = free.pop()
  if (!copy) {
    copy = new Copy()
    copies.push(copy)
  }
  try {
    return await act(copy)
  } finally {
    free.push(copy)
  }
}

/** Builds the mutant and runs its tests. @returns the name of the test that failed; undefined if none did */
function noticed({ file, find, replace, tests, named }: Mutant, signal: AbortSignal): Promise<string | undefined> {
  return inCopy(async (copy) => {
    const path = join(copy.folder, 'src', file)
    const original = readFileSync(path, 'utf8')
    const parts = original.split(find)
    expect(parts, 'the text must stand in the file exactly once').toHaveLength(2)
    writeFileSync(path, parts.join(replace))
    try {
      const { code, stderr } = await copy.build(signal)
      expect(code, stderr).toBe(0)
      return (await copy.test(tests, named, 1, signal)).failed[0]?.fullName
    } finally {
      writeFileSync(path, original)
    }
  })
}

const rows: string[] = []

afterAll(() => {
  for (const { folder } of copies) rmSync(folder, { recursive: true, force: true })
  if (rows.length > 0) console.log(['mutant | noticed by | seconds', ...rows].join('\n'))
})

test('without a mutant, every test passes', ({ signal }) =>
  inCopy(async (copy) => {
    expect(await copy.build(signal)).toMatchObject({ code: 0 })
    const files = [...new Set(MUTANTS.flatMap(({ tests }) => tests))]
    const { passed, failed } = await copy.test(files, MUTANTS.map(({ named }) => named).join('|'), 0, signal)
    expect(failed).toEqual([])
    // A name that matches no test would let its mutant live.
    const idle = MUTANTS.filter(
      ({ tests, named }) => !passed.some(({ file, fullName }) => tests.includes(file) && fullName.includes(named)),
    )
    expect(idle.map(({ name }) => name)).toEqual([])
  }))

describe.concurrent('a test notices', () => {
  test.for(MUTANTS)('$name', async (mutant, { signal, expect }) => {
    const began = performance.now()
    const by = await noticed(mutant, signal)
    rows.push(`${mutant.name} | ${by ?? 'NOTHING'} | ${((performance.now() - began) / 1000).toFixed(1)}`)
    expect(by, 'no test has failed').toBeDefined()
  })
})
