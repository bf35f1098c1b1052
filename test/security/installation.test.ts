// An installation without scripts lacks what they build. orderctl then says what is missing.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { BINARY } from '../support/cli.js'
import { test } from '../support/shop.js'

const NO_SQLITE = { NODE_OPTIONS: `--require ${resolve(import.meta.dirname, '../support/preloaded/no-sqlite.cjs')}` }

test('without the native part of SQLite, a command says so, and how to build it', async ({ shop }) => {
  const { code, result } = await shop.jsonWith(NO_SQLITE, 'orders', 'list')
  expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'sqlite_not_installed' } } })
  expect(result).toMatchObject({ error: { fix: expect.stringContaining('npm rebuild better-sqlite3') } })
  const doctor = await shop.runWith(NO_SQLITE, 'doctor')
  expect({ code: doctor.code, text: doctor.stdout + doctor.stderr }).toEqual({
    code: 1,
    text: expect.stringContaining('npm rebuild better-sqlite3'),
  })
})

test('without dist/, the binary says how to build it', ({ shop }) => {
  mkdirSync(join(shop.folder, 'bin'))
  copyFileSync(BINARY, join(shop.folder, 'bin/run.js'))
  writeFileSync(join(shop.folder, 'package.json'), '{"type": "module"}')
  const { status, stderr } = spawnSync(process.execPath, [join(shop.folder, 'bin/run.js'), 'status'], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('npm run build') })
  expect(stderr).not.toContain('    at ')
})
