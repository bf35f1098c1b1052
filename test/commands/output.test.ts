// What a command writes where: a full or closed stdout, --verbose, and the log level.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'

describe.concurrent('stdout', () => {
  for (const args of ['orders list', '--help', 'failed --help', 'work --drain'])
    test(`that is full fails \`${args}\` without a stack trace`, async ({ shop }) => {
      shop.order('A-1')
      const { code, stderr } = await shop.startInShell('exec "$@" > /dev/full', ...args.split(' ')).ended
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/Error: Cannot write to stdout: ENOSPC.*\n.*\n$/),
      })
    })

  test('that is full fails with JSON under --json', async ({ shop }) => {
    shop.order('A-1')
    const { code, stderr } = await shop.startInShell('exec "$@" > /dev/full', 'orders', 'list', '--json').ended
    expect({ code, error: JSON.parse(stderr).error }).toMatchObject({ code: 1, error: { code: 'output_failed' } })
  })

  test.for(['--json', '--format=json'])(
    'that is full keeps the cursor of an export with %s',
    async (flag, { shop }) => {
      shop.order('A-1', { status: 'completed' })
      const cursor = join(shop.folder, 'cursor')
      const args = ['orders', 'export', '--cursor-file', cursor, flag]
      const { code, stderr } = await shop.startInShell('exec "$@" > /dev/full', ...args).ended
      expect({ code, errors: stderr.match(/Cannot write to stdout|Unexpected/g) }).toEqual({
        code: 1,
        errors: ['Cannot write to stdout'],
      })
      expect(existsSync(cursor)).toBe(false)
      expect(await shop.run(...args)).toMatchObject({ code: 0, stdout: expect.stringContaining('A-1') })
      expect(existsSync(cursor)).toBe(true)
    },
  )

  test('that the reader closes ends a command in silence', async ({ shop }) => {
    for (let order = 0; order < 2000; order++) shop.order(`A-${order}`)
    const script = 'set -o pipefail; "$@" | head -n 1'
    const { code, stdout, stderr } = await shop.startInShell(script, 'orders', 'list', '--limit', 'all').ended
    expect({ code, lines: stdout.split('\n').length, stderr }).toEqual({ code: 0, lines: 2, stderr: '' })
  })

  test('may be closed from the start', async ({ shop }) => {
    shop.order('A-1')
    expect(await shop.startInShell('exec "$@" >&-', 'orders', 'list').ended).toMatchObject({ code: 0, stderr: '' })
  })
})

test('a worker goes on if its log cannot be written', async ({ shop }) => {
  await shop.importing(csv(line()))
  const { code, stdout } = await shop.startInShell('exec "$@" 2> /dev/full', 'work', '--drain', '--json').ended
  expect({ code, orders: JSON.parse(stdout).processed }).toEqual({ code: 0, orders: 1 })
})

describe.concurrent('--verbose', () => {
  test('prints the statements of the database and the slowest one', async ({ shop }) => {
    shop.order('A-1')
    const { code, stderr } = await shop.start({}, 'orders', 'list', '--verbose').ended
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^Database: \d+ statements in \d\.\d\d s, 1 connection opened, 0 transactions retried\.\nSlowest, .* s: \w.*\n$/,
    )
  })

  test('adds one line of JSON to stderr under --json', async ({ shop }) => {
    shop.order('A-1')
    const { stdout, stderr } = await shop.start({}, 'orders', 'list', '--json', '--verbose').ended
    expect(JSON.parse(stdout).orders).toHaveLength(1)
    const { event, level, statements, milliseconds } = JSON.parse(stderr)
    expect({ event, level }).toEqual({ event: 'statistics', level: 'debug' })
    expect(statements).toBeGreaterThan(1)
    expect(milliseconds).toBeGreaterThanOrEqual(0)
  })
})

describe.concurrent('ORDERCTL_LOG_LEVEL', () => {
  test('sets the lowest level of notes; errors are always printed', async ({ shop }) => {
    await shop.importing(csv(line()))
    const worked = async (level: string) => {
      const { stderr } = await shop.runWith(
        { ORDERCTL_LOG_LEVEL: level, ORDERCTL_LOG_FORMAT: 'json' },
        'work',
        '--drain',
      )
      return stderr
    }
    expect(await worked('debug')).toContain('"event":"statistics"')
    expect(await worked('info')).toMatch(/"event":"started"[\s\S]*"event":"ended"/)
    expect(await worked('info')).not.toContain('"event":"statistics"')
    expect(await worked('warn')).toBe('')
    const failed = await shop.runWith({ ORDERCTL_LOG_LEVEL: 'error' }, 'orders', 'show', 'unknown')
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: /) })
  })
})
