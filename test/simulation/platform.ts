// Replaces the clock, the timers and the randomness of Node by those of the world, for all code of this thread. Nothing
// in src has to pass a clock on, and nothing in src can read another one.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import timers from 'node:timers/promises'
import type { World } from './world.js'

/** @param world the one that is running */
export function usePlatformOf(world: () => World): void {
  const randomBytes = (size: number) => Buffer.from(Array.from({ length: size }, () => world().dice.between(0, 255)))
  const randomUUID = () => {
    const hex = randomBytes(16).toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20)].join(
      '-',
    )
  }
  Object.assign(Date, { now: () => world().wallTime() })
  Object.assign(performance, { now: () => world().now })
  Object.assign(process.hrtime, { bigint: () => BigInt(Math.round(world().now * 1e6)) })
  Object.assign(Math, { random: () => world().dice.next() })
  Object.assign(crypto, { randomBytes, randomUUID })
  Object.assign(os, { uptime: () => 100_000 + world().now / 1000 })
  Object.assign(timers, { setTimeout: sleepIn(world) })
  const clearTimeout = (timer: unknown) => {
    if (timer instanceof Timeout) timer.cancel()
  }
  const setTimeout = (act: (...values: unknown[]) => void, ms = 0, ...values: unknown[]) =>
    new Timeout(world(), () => act(...values), ms)
  Object.assign(globalThis, { setTimeout, clearTimeout })
  syncBuiltinESMExports()
}

function sleepIn(world: () => World) {
  return (ms = 0, value?: unknown, { signal }: { readonly signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      const abort = () => {
        timer.cancel()
        reject(new DOMException('The operation was aborted', 'AbortError'))
      }
      const timer = new Timeout(
        world(),
        () => {
          signal?.removeEventListener('abort', abort)
          resolve(value)
        },
        ms,
      )
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
}

class Timeout {
  readonly cancel: () => void

  constructor(world: World, act: () => void, ms: number) {
    this.cancel = world.schedule(world.current, Math.max(0, ms) + world.dice.delay(1), 'timer', act).cancel
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}
