// A SQLite file that may not be written, as on a read-only mount: reports work, and changes fail with the reason.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'

/** Root ignores modes, so root needs a mount. */
const isRoot = process.getuid?.() === 0
const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0

const MOUNT = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@"'
const SCRIPT = isRoot
  ? `exec unshare --mount sh -c '${MOUNT}' sh "$@"`
  : 'chmod a-w . orders* && "$@"; code=$?; chmod u+w . orders*; exit $code'

/** Runs the binary while the shop's folder is read-only. */
const readOnly = (shop: Shop, ...args: string[]) => shop.startInShell(SCRIPT, ...args).ended

/** So that no write-ahead log remains. */
async function closeFile(shop: Shop): Promise<void> {
  shop.sqlite.close()
  await shop.db.destroy()
}

describe.skipIf(isRoot && !mayMount)('a read-only database (root needs to mount)', () => {
  test('answers every report, and refuses changes with the reason', async ({ shop }) => {
    shop.order('A-1', { status: 'completed' })
    shop.order('A-2', { dueAt: 0 })
    await closeFile(shop)
    const copies = () => readdirSync(tmpdir()).filter((name) => /^orderctl-\w{6}$/.test(name))
    const before = copies()
    for (const report of [
      'status',
      'orders list',
      'orders show A-1',
      'kpis daily --date 2025-01-20',
      'kpis realtime',
      'leaderboard customers',
      'failed list',
      'products list',
      'rebuild --check',
    ]) {
      expect(await readOnly(shop, ...report.split(' ')), report).toMatchObject({ code: 0 })
    }
    expect((await readOnly(shop, 'orders', 'list', '--csv')).stdout).toMatch(/^order.*\nA-2,.*\nA-1,/)
    expect((await readOnly(shop, 'doctor')).stdout).toMatch(/permissions +No permission to write .* reports work/)
    for (const change of ['work --drain', 'queue pause', 'products adjust WIDGET-1 5 --reason count']) {
      const { code, stderr } = await readOnly(shop, ...change.split(' '))
      expect({ code, stderr }, change).toMatchObject({ code: 1, stderr: expect.stringContaining('for writing') })
    }
    expect(copies()).toEqual(before)
  })

  test('is backed up, and does not know of it', async ({ shop }) => {
    shop.order('A-1')
    await closeFile(shop)
    const file = join(mkdtempSync(join(tmpdir(), 'orderctl-backup-')), 'copy.sqlite')
    const { code, stdout, stderr } = await readOnly(shop, 'backup', file)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/copy\.sqlite: 1 order, .* checked/) })
    expect(stderr).toBe(
      `The database does not know of this backup, so doctor does not count it: Cannot open ${shop.path} for writing (SQLITE_READONLY).\n`,
    )
    rmSync(dirname(file), { recursive: true })
  })

  describe('with a write-ahead log', () => {
    test('is read beside the process that writes it', async ({ shop }) => {
      shop.order('A-1')
      const { code, stdout } = await readOnly(shop, 'orders', 'list', '--csv')
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nA-1,/) })
    })

    test('that no process has open is never read without its changes', async ({ shop }) => {
      shop.order('A-1')
      // As a crash or a copy leaves them.
      cpSync(join(shop.folder, 'orders.sqlite-wal'), join(shop.folder, 'kept'))
      await closeFile(shop)
      renameSync(join(shop.folder, 'kept'), join(shop.folder, 'orders.sqlite-wal'))
      const { code, stderr } = await readOnly(shop, 'orders', 'list')
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/-wal holds changes .*\n.*orderctl status/),
      })
    })
  })
})
