// What `work` and `schedule` tell systemd: a real socket in place of systemd's, and the installed systemd-notify.

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, type TestContext } from 'vitest'
import { ServiceManager } from '../../src/command-line/service-manager.js'
import type { Running } from '../support/cli.js'
import { freePort } from '../support/private-process.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Like systemd: a datagram is a message. The pipe that systemd-notify sends along is closed at once. */
const LISTEN = `
import json, socket, sys
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(sys.argv[1])
while True:
    print(json.dumps(inbox.recv(65536).decode()), flush=True)
`

const missing = ['systemd-notify', 'python3'].filter((program) => spawnSync(program, ['--version']).status !== 0)

/** A socket as systemd has it, and all variables that were received on it, in order: `READY=1`. */
async function listen(shop: Shop, onTestFinished: TestContext['onTestFinished'], name = 'notify') {
  const path = join(shop.folder, name)
  const listener = spawn('python3', ['-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void listener.kill('SIGKILL'))
  const received: string[] = []
  createInterface({ input: listener.stdout }).on('line', (text) => {
    received.push(...String(JSON.parse(text)).split('\n').filter(Boolean))
  })
  await until(() => existsSync(path))
  const count = (variable: string) => received.filter((one) => one === variable).length
  return { environment: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000000' }, received, count }
}

async function stop({ child, ended }: Running): Promise<number | null> {
  child.kill('SIGTERM')
  return (await ended).code
}

describe.skipIf(missing.length > 0).concurrent(`systemd (needs ${missing.join(' and ') || 'nothing more'})`, () => {
  test.for([
    ['work', /^STATUS=1 order processed/],
    // Each of five tasks runs once at the start, and some run again if a minute ends meanwhile.
    ['schedule', /^STATUS=([5-9]|\d\d) runs, 0 failed/],
  ] as const)(
    'is told that %s is ready, is alive, what it does, and that it stops',
    async ([command, status], { shop, onTestFinished }) => {
      shop.order('A-1', { dueAt: Date.now() })
      const systemd = await listen(shop, onTestFinished)
      const service = shop.start(systemd.environment, command)
      await until(() => systemd.count('WATCHDOG=1') >= 3 && systemd.received.some((one) => status.test(one)))
      expect(systemd.received[0]).toBe('READY=1')
      expect(systemd.count('READY=1')).toBe(1)
      expect(systemd.count('STOPPING=1')).toBe(0)
      expect(await stop(service)).toBe(130)
      await until(() => systemd.count('STOPPING=1') === 1)
    },
  )

  test.for(['work', 'schedule'])(
    'is told what %s waits for, not that it is ready, and gives it more time to start',
    async (command, { shop, onTestFinished }) => {
      const systemd = await listen(shop, onTestFinished)
      const unreachable = { ORDERCTL_DATABASE_URL: `postgres://shop@127.0.0.1:${await freePort()}/shop` }
      const service = shop.start({ ...systemd.environment, ...unreachable }, command)
      const status = /^STATUS=waiting: Cannot reach PostgreSQL at /
      await until(() => systemd.received.some((one) => status.test(one)))
      expect(systemd.count('EXTEND_TIMEOUT_USEC=120000000')).toBe(1)
      expect(await stop(service)).toBe(130)
      expect(systemd.count('READY=1')).toBe(0)
    },
  )

  test('receives no heartbeat from a worker that hangs, and those of another one', async ({ shop, onTestFinished }) => {
    const [first, second] = [await listen(shop, onTestFinished, 'one'), await listen(shop, onTestFinished, 'two')]
    const [hanging, healthy] = [shop.start(first.environment, 'work'), shop.start(second.environment, 'work')]
    onTestFinished(() => void hanging.child.kill('SIGKILL'))
    await until(() => first.count('WATCHDOG=1') >= 2)
    hanging.child.kill('SIGSTOP')
    const [before, others] = [first.count('WATCHDOG=1'), second.count('WATCHDOG=1')]
    await until(() => second.count('WATCHDOG=1') >= others + 4)
    // One may have been under way.
    expect(first.count('WATCHDOG=1')).toBeLessThanOrEqual(before + 1)
    hanging.child.kill('SIGCONT')
    await until(() => first.count('WATCHDOG=1') >= before + 2)
    expect(await Promise.all([stop(hanging), stop(healthy)])).toEqual([130, 130])
  })

  test('receives heartbeats of a worker whose heartbeat the database refuses', async ({ shop, onTestFinished }) => {
    const systemd = await listen(shop, onTestFinished)
    const worker = shop.start(systemd.environment, 'work')
    await until(() => systemd.count('READY=1') === 1)
    shop.sqlite.exec('drop table workers')
    const before = systemd.count('WATCHDOG=1')
    // The first may have been under way.
    await until(() => systemd.count('WATCHDOG=1') >= before + 3)
    await stop(worker)
  })

  test('receives no heartbeat that it expects from another process', async ({ shop, onTestFinished }) => {
    const systemd = await listen(shop, onTestFinished)
    const others = { ...systemd.environment, WATCHDOG_PID: '1' }
    expect(await shop.runWith(others, 'work', '--max-runtime', '5s')).toMatchObject({ code: 0 })
    await until(() => systemd.count('STOPPING=1') === 1)
    expect(systemd.count('READY=1')).toBe(1)
    expect(systemd.count('WATCHDOG=1')).toBe(0)
  })
})

describe.concurrent('systemd-notify', () => {
  test('is reported once if it is missing, only under systemd, and the work goes on', async ({ shop }) => {
    const systemd = { NOTIFY_SOCKET: join(shop.folder, 'notify'), WATCHDOG_USEC: '1000000' }
    for (const [environment, reports] of [
      [systemd, 1],
      [{}, 0],
    ] as const) {
      const without = { ...environment, PATH: shop.folder }
      const { code, stderr } = await shop.runWith(without, 'work', '--max-runtime', '3s')
      expect(code).toBe(0)
      expect(stderr.split('systemd-notify is not on the PATH')).toHaveLength(1 + reports)
    }
  })

  test('is not started again while it hangs; later messages are sent together', async ({ shop }) => {
    const sent = join(shop.folder, 'sent')
    mkdirSync(join(shop.folder, 'bin'))
    chmodSync(shop.file('bin/systemd-notify', `#!/bin/sh\necho "$@" >> ${sent}\nexec /bin/sleep 100\n`), 0o755)
    const problems: string[] = []
    const environment = { PATH: join(shop.folder, 'bin'), NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '3' }
    const systemd = new ServiceManager(environment, (text) => problems.push(text))
    expect(environment).toEqual({ PATH: environment.PATH })
    systemd.ready('none')
    for (let count = 1; count <= 100; count++) systemd.alive(`${count} orders`)
    systemd.stopping()
    await systemd.flush()
    expect(readFileSync(sent, 'utf8').split('\n')).toEqual([
      'READY=1 WATCHDOG=1 STATUS=none',
      expect.stringMatching(/^WATCHDOG=1 STATUS=.* STOPPING=1$/),
      '',
    ])
    expect(problems).toEqual([expect.stringMatching('systemd-notify .* 10 s')])
  })
})
