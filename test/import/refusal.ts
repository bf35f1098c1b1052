// What every refusal has in common, for people and for scripts.
import { expect } from 'vitest'
import type { Workplace } from '../support/workplace.js'

export interface Refusal {
  readonly exit?: number
  readonly code: string
  /** What the message must name. */
  readonly says: string | RegExp
  /** What the next step must name. */
  readonly fix: string | RegExp
  readonly environment?: Record<string, string>
  /** Where another refusal of the same kind is looked at both ways: a run takes half a second. */
  readonly onlyJson?: boolean
}

/** Refused alike for people and for scripts: a code, a message, a next step, and no stack trace. */
export async function expectRefusal(place: Workplace, args: string[], refusal: Refusal): Promise<void> {
  const { exit = 2, code, says, fix, environment = {}, onlyJson = false } = refusal
  const [text, json] = await Promise.all([
    onlyJson ? undefined : place.runWith(environment, 'import', ...args),
    place.jsonWith(environment, 'import', ...args),
  ])
  if (text) {
    expect({ code: text.code, stdout: text.stdout }).toEqual({ code: exit, stdout: '' })
    expect(text.stderr).toMatch(says)
    expect(text.stderr).toMatch(fix)
    expect(text.stderr).not.toMatch(/^\s+at |node:internal|a bug of ours/m)
  }
  expect(json).toEqual({
    code: exit,
    result: {
      error: {
        code,
        message: expect.stringMatching(says),
        fix: expect.stringMatching(fix),
        retryable: expect.any(Boolean),
      },
    },
  })
}

/** The same words without a process, where another refusal of the same kind is looked at as people and scripts meet it. */
export function expectRefused(refuse: () => unknown, { exit = 2, code, says, fix }: Refusal): void {
  expect(refuse).toThrow(
    expect.objectContaining({ exit, code, message: expect.stringMatching(says), fix: expect.stringMatching(fix) }),
  )
}
