// What every refusal of an import has in common: an exit code, a code, a message and a next step.

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

/** Refused under --json, and for people without a stack trace. */
export async function expectRefusal(shop: Shop, args: readonly string[], refusal: Refusal): Promise<void> {
  const { exit = 2, code, says, fix, environment = {} } = refusal
  const message = expect.stringMatching(says)
  const error = { code, message, fix: expect.stringMatching(fix), retryable: expect.any(Boolean) }
  expect(await shop.jsonWith(environment, 'import', ...args)).toEqual({ code: exit, result: { error } })

  const outcome = await shop.runWith(environment, 'import', ...args)
  expect(outcome).toMatchObject({ code: exit, stdout: '' })
  expect(outcome.stderr).toMatch(says)
  expect(outcome.stderr).toMatch(fix)
  expect(outcome.stderr).not.toMatch(/^\s+at |node:internal|Unexpected error/m)
}
