// The sessions of the README, run as they stand there. `npx vitest run test/commands/readme.test.ts --update` writes
// what the commands print into it.
import { copyFileSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { test } from '../support/shop.js'

const ROOT = resolve(import.meta.dirname, '../..')
const README = join(ROOT, 'README.md')

test('the README shows what its commands print', async ({ newShop: shop }) => {
  copyFileSync(join(ROOT, 'sample.csv'), join(shop.folder, 'sample.csv'))
  const parts = readFileSync(README, 'utf8').split(/^(?=\$ (?:npx )?orderctl )/m)
  const [introduction = '', ...sessions] = parts
  let text = introduction
  for (const session of sessions) {
    const [prompt = ''] = session.split('\n')
    const { code, stdout, stderr } = await shop.run(...prompt.replace(/^.*orderctl /, '').split(' '))
    expect(code, `${prompt}: ${stderr}`).toBe(0)
    text += `${prompt}\n${stdout}${session.slice(session.search(/^(\n|```)/m))}`
  }
  expect(sessions.length).toBeGreaterThanOrEqual(4)
  await expect(text).toMatchFileSnapshot(README)
})
