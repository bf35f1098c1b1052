// What systemd hears from `work` and `schedule`: a real socket in its shop, and systemd-notify as it is installed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect } from 'vitest'
import { ServiceManager } from '../../src/command-line/service-manager.js'
import type { Running } from '../support/cli.js'
import { freePort } from '../support/private-process.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** As systemd does: a datagram is a message. What comes with it, systemd-notify's end of a pipe, is closed at once. */
const LISTEN = `
import json, socket, sys
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(sys.argv[1])
while True:
    print(json.dumps(inbox.recv(65536).decode()), flush=True)
`

const addOrder = (shop: Shop) => shop.order('A-1', { dueAt: Date.now() })

const missing = ['systemd-notify', 'python3'].filter((program) => spawnSync(program, ['--version']).status !== 0)

interface Ear {
  readonly environment: { readonly NOTIFY_SOCKET: string; readonly WATCHDOG_USEC: string }
  /** All variables that were heard, in order: `READY=1`. */
  readonly heard: string[]
  count(variable: string): number
}

async function listen(shop: Shop, name: string, finished: (end: () => void) => void): Promise<Ear> {
  const path = join(shop.folder, name)
  const listener: ChildProcess = spawn('python3', ['-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  finished(() => {
    listener.kill('SIGKILL')
  })
  const heard: string[] = []
  if (listener.stdout) {
    createInterface({ input: listener.stdout }).on('line', (text) => {
      heard.push(...String(JSON.parse(text)).split('\n').filter(Boolean))
    })
  }
  await until(() => existsSync(path))
  const count = (variable: string) => heard.filter((one) => one === variable).length
  return { environment: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '1000000' }, heard, count }
}

async function stop({ child, ended }: Running): Promise<number | null> {
  child.kill('SIGTERM')
  return (await ended).code
}

describe.skipIf(missing.length > 0).concurrent(`systemd (needs ${missing.join(' and ') || 'nothing more'})`, () => {
  test.for(['work', 'schedule'])(
    'hears that %s is ready, alive, what it is at, and that it ends',
    async (command, { shop, onTestFinished }) => {
      addOrder(shop)
      const systemd = await listen(shop, 'notify', onTestFinished)
      const service = shop.start(systemd.environment, command)
      // Each of five tasks has one run at once, and some have another where a minute ends meanwhile.
      const status = command === 'work' ? /^STATUS=1 order processed/ : /^STATUS=([5-9]|\d\d) runs, 0 of them failed/
      await until(() => systemd.count('WATCHDOG=1') >= 3 && systemd.heard.some((one) => status.test(one)))
      expect(systemd.heard[0]).toBe('READY=1')
      expect(systemd.count('READY=1')).toBe(1)
      expect(systemd.count('STOPPING=1')).toBe(0)
      expect(await stop(service)).toBe(130)
      await until(() => systemd.count('STOPPING=1') === 1)
    },
  )

  test.for(['work', 'schedule'])(
    'hears what %s waits for, and not that it is ready, and gives it more time to start',
    async (command, { shop, onTestFinished }) => {
      const systemd = await listen(shop, 'notify', onTestFinished)
      const away = { ORDERCTL_DATABASE_URL: `postgres://shop@127.0.0.1:${await freePort()}/shop` }
      const service = shop.start({ ...systemd.environment, ...away }, command)
      const status = /^STATUS=waiting: Cannot reach PostgreSQL at /
      await until(() => systemd.heard.some((one) => status.test(one)))
      expect(systemd.count('EXTEND_TIMEOUT_USEC=120000000')).toBe(1)
      expect(await stop(service)).toBe(130)
      expect(systemd.count('READY=1')).toBe(0)
    },
  )

  test('hears nothing of a worker that hangs, while another one goes on', async ({ shop, onTestFinished }) => {
    addOrder(shop)
    const [first, second] = await Promise.all(['one', 'two'].map((name) => listen(shop, name, onTestFinished)))
    if (!first || !second) throw new Error('two were asked for')
    const [hanging, healthy] = [shop.start(first.environment, 'work'), shop.start(second.environment, 'work')]
    onTestFinished(() => {
      hanging.child.kill('SIGKILL')
    })
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

  test('hears that a worker lives whose heartbeat the database refuses', async ({ shop, onTestFinished }) => {
    addOrder(shop)
    const systemd = await listen(shop, 'notify', onTestFinished)
    const worker = shop.start(systemd.environment, 'work')
    await until(() => systemd.count('READY=1') === 1)
    shop.sqlite.exec('drop table workers')
    const before = systemd.count('WATCHDOG=1')
    // The first may have been under way.
    await until(() => systemd.count('WATCHDOG=1') >= before + 3)
    await stop(worker)
  })

  test('hears no signs of life that it did not ask for, or asked another process for', async ({
    shop,
    onTestFinished,
  }) => {
    addOrder(shop)
    const systemd = await listen(shop, 'notify', onTestFinished)
    const others = { ...systemd.environment, WATCHDOG_PID: '1' }
    const { code } = await shop.runWith(others, 'work', '--max-runtime', '5s')
    expect(code).toBe(0)
    await until(() => systemd.count('STOPPING=1') === 1)
    expect(systemd.count('READY=1')).toBe(1)
    expect(systemd.count('WATCHDOG=1')).toBe(0)
  })
})

describe.concurrent('systemd-notify', () => {
  test('that is not there is told of once, and the work goes on', async ({ shop }) => {
    addOrder(shop)
    const nowhere = { NOTIFY_SOCKET: join(shop.folder, 'notify'), WATCHDOG_USEC: '1000000', PATH: shop.folder }
    const { code, stderr } = await shop.runWith(nowhere, 'work', '--max-runtime', '5s')
    expect(code).toBe(0)
    expect(stderr.match(/systemd-notify is not on the PATH\. Fix that/g)).toHaveLength(1)
  })

  test('is not started a second time while it hangs; what is said meanwhile is said at once', async ({ shop }) => {
    const told = join(shop.folder, 'told')
    mkdirSync(join(shop.folder, 'bin'))
    chmodSync(shop.file('bin/systemd-notify', `#!/bin/sh\necho "$@" >> ${told}\nexec /bin/sleep 100\n`), 0o755)
    const problems: string[] = []
    const environment = { PATH: join(shop.folder, 'bin'), NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '3' }
    const systemd = new ServiceManager(environment, (text) => problems.push(text))
    expect(environment).toEqual({ PATH: environment.PATH })
    systemd.ready('none')
    for (let count = 1; count <= 100; count++) systemd.alive(`${count} orders`)
    systemd.stopping()
    await systemd.flush()
    expect(readFileSync(told, 'utf8').split('\n')).toEqual([
      'READY=1 WATCHDOG=1 STATUS=none',
      'WATCHDOG=1 STATUS=finishing what is in progress STOPPING=1',
      '',
    ])
    expect(problems).toEqual([expect.stringContaining('systemd-notify took longer than 10 s')])
  })

  test('is not needed where systemd is not: nothing is started, nothing is said', async ({ shop }) => {
    addOrder(shop)
    const { code, stderr } = await shop.runWith({ PATH: shop.folder }, 'work', '--max-runtime', '3s')
    expect(code).toBe(0)
    expect(stderr).not.toContain('systemd')
  })
})
