// What a queue's server may do while `import` and `work` run: go away, hang, forget. Nothing is lost, nothing is done twice,
// and workers go on by themselves.
import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import type { FragileDriver } from '../support/queue-drivers.js'
import { until } from '../support/until.js'
import { test as placeTest, type Workplace } from '../support/workplace.js'

export function describeAway(start: () => Promise<FragileDriver>): void {
  const test = placeTest.extend<{ server: FragileDriver; slow: Environment }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      const server = await start()
      await use(server)
      await server.close()
    },
    slow: async ({ server }, use) => use({ ...SLOW, ...server.environment }),
  })

  test('a drain goes on when all jobs are lost', async ({ place, server, slow }) => {
    await importing(place, 500, slow)
    const worker = place.start(slow, 'work', '--drain')
    await until(() => completed(place) > 0)
    await server.forget()
    expect(completed(place)).toBeLessThan(500)
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    await expectSoldOnce(place, 500)
  })

  test('a drain waits for a server that was stopped', async ({ place, server, slow }) => {
    await stopInMidDrain(place, server, slow)
  })

  test('a drain waits for a server that hangs', async ({ place, server, slow }) => {
    await importing(place, 500, slow)
    const worker = place.start(slow, 'work', '--drain')
    await until(() => completed(place) > 0)
    server.hang()
    await worker.saw('Waiting for it.')
    server.goOn()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(`${server.name} is back.`)
    await expectSoldOnce(place, 500)
  })

  for (const how of ['stopped', 'hanging'] as const) {
    test(`a worker that waits for a server that is ${how} ends on SIGTERM`, async ({ place, server, slow }) => {
      await importing(place, 500, slow)
      const worker = place.start(slow, 'work')
      await until(() => completed(place) > 0)
      if (how === 'stopped') await server.stop()
      else server.hang()
      await worker.saw('Waiting for it.')
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(inHand(place)).toBe(0)
    })
  }

  test('a worker whose connections are lost without a word takes new orders all the same', async ({
    place,
    server,
    slow,
  }) => {
    const way = await server.openLossyWay()
    await importing(place, 20, slow)
    const worker = place.start({ ...SLOW, ...way.environment }, 'work')
    try {
      await until(() => completed(place) === 20)
      way.loseConnections()
      await importing(place, 40, slow)
      await until(() => completed(place) === 40)
    } finally {
      worker.child.kill('SIGTERM')
      await worker.ended
      way.close()
    }
    await expectSoldOnce(place, 40)
  })

  test('an import whose server stops in the middle stores all, and a worker finds it', async ({
    place,
    server,
    slow,
  }) => {
    await importing(place, 1, slow)
    const file = join(place.folder, 'pipe')
    execFileSync('mkfifo', [file])
    const running = place.start(slow, 'import', file)
    // Opens once the import opens its file, which it does when it has connected.
    const pipe = await open(file, 'w')
    await server.stop()
    await pipe.writeFile(singles(200))
    await pipe.close()
    const { code, stdout, stderr } = await running.ended
    expect(code).toBe(4)
    expect(stdout).toMatch(/new orders\s.*199/)
    expect(stderr).toContain('The orders are stored and due')
    expect(stderr).toContain(`${server.name} cannot be reached`)
    expect(stderr).toContain('orderctl rebuild queue')
    expect(stderr).not.toContain('No new orders')

    await server.start()
    expect(await place.runWith(slow, 'work', '--drain')).toMatchObject({ code: 0 })
    await expectSoldOnce(place, 200)
  })
}

export async function stopInMidDrain(place: Workplace, server: FragileDriver, slow: Environment): Promise<void> {
  await importing(place, 500, slow)
  const worker = place.start(slow, 'work', '--drain')
  await until(() => completed(place) > 0)
  await server.stop()
  await worker.saw(`${server.name} cannot be reached`)
  // While another command finds it away as well.
  const { result } = await place.jsonWith(slow, 'status')
  expect(result).toMatchObject({ queue: { transport: null } })
  expect(completed(place)).toBeLessThan(500)
  await server.start()
  const { code, stderr } = await worker.ended
  expect(code, stderr).toBe(0)
  expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
  expect(stderr).toContain(`${server.name} is back.`)
  await expectSoldOnce(place, 500)
}
