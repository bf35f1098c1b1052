// Tests that need a server which may not be there.
import { describe, test } from 'vitest'

export interface SuiteOptions {
  readonly concurrent?: boolean
}

/** Skipped for a reason. In CI, it then fails. */
export function describeUnless(reason: string | undefined, name: string, body: () => void, options?: SuiteOptions) {
  if (reason === undefined) describe(name, options ?? {}, body)
  else if (process.env['CI']) {
    test(name, () => {
      throw new Error(`${reason}, and in CI these tests must run`)
    })
  } else describe.skip(`${name} (${reason})`, body)
}
