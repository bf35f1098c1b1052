// What every refusal has in common: a code, a message and a next step, and for people no stack trace.

import { expect } from 'vitest'
import type { Shop } from '../support/shop.js'

export interface Refusal {
  readonly exit?: number
  readonly code: string
  /** What the message must name. */
  readonly says: string | RegExp
  /** What the next step must name. */
  readonly fix: string | RegExp
  readonly environment?: Record<string, string>
}

/** Refused as scripts see it. */
export async function expectRefusal(shop: Shop, args: string[], refusal: Refusal): Promise<void> {
  const { exit = 2, code, says, fix, environment = {} } = refusal
  const message = expect.stringMatching(says)
  const error = { code, message, fix: expect.stringMatching(fix), retryable: expect.any(Boolean) }
  expect(await shop.jsonWith(environment, 'import', ...args)).toEqual({ code: exit, result: { error } })
}

/** Refused as people see it. */
export async function expectRefusalInWords(shop: Shop, args: string[], refusal: Refusal): Promise<void> {
  const { exit = 2, says, fix, environment = {} } = refusal
  const { code, stdout, stderr } = await shop.runWith(environment, 'import', ...args)
  expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
  expect(stderr).toMatch(says)
  expect(stderr).toMatch(fix)
  expect(stderr).not.toMatch(/^\s+at |node:internal|a bug of ours/m)
}

/** Refused by a function, without a process. */
export function expectRefused(refuse: () => unknown, { exit = 2, code, says, fix }: Refusal): void {
  expect(refuse).toThrow(
    expect.objectContaining({ exit, code, message: expect.stringMatching(says), fix: expect.stringMatching(fix) }),
  )
}
