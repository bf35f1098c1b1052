// A configuration file in the working folder may run commands and move money, so only its user and root may write it.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { test } from '../support/shop.js'

const FILE = 'orderctl.config.json'

/** A configuration that would run a command. */
const commandIn = (folder: string) => JSON.stringify({ notify: { command: `touch ${join(folder, 'ran')}` } })

const isRoot = process.getuid?.() === 0

test('a file that every user may write is refused, and runs nothing', async ({ shop }) => {
  const path = shop.file(FILE, commandIn(shop.folder))
  chmodSync(path, 0o646)
  for (const args of [['notify', 'test'], ['config'], ['orders', 'list']]) {
    const { code, result } = await shop.json(...args)
    expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'config_unsafe' } } })
  }
  expect(existsSync(join(shop.folder, 'ran'))).toBe(false)
  chmodSync(path, 0o664)
  expect(await shop.run('notify', 'test')).toMatchObject({ code: 0 })
  expect(existsSync(join(shop.folder, 'ran'))).toBe(true)
})

test('a file of another user is refused, and runs nothing', async ({ shop, skip }) => {
  skip(!isRoot, 'only root can give a file away')
  const path = shop.file(FILE, commandIn(shop.folder))
  chownSync(path, 65534, 65534)
  const { code, stderr } = await shop.run('notify', 'test')
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('belongs to another user (uid 65534)') })
  expect(existsSync(join(shop.folder, 'ran'))).toBe(false)
  chownSync(path, 0, 0)
  expect(await shop.run('notify', 'test')).toMatchObject({ code: 0 })
})

test('a named pipe in its place does not block a command', async ({ shop }) => {
  execFileSync('mkfifo', [join(shop.folder, FILE)])
  expect(await shop.run('config')).toMatchObject({ code: 2, stderr: expect.stringContaining('not valid JSON') })
})

test.for([
  '{"database": "postgres://shop:hunter2@db/shop" x',
  '{"database": "postgres://shop:hunter2',
  'hunter2',
  '{"payments": {"token": "hunter2"} }}',
])('an error in the file %s shows no secret', async (content, { shop }) => {
  shop.file(FILE, content)
  const { code, stderr } = await shop.run('config')
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`${FILE}: it is not valid JSON`) })
  expect(stderr).not.toMatch(/hunt|nter2/)
})
