// What `doctor` finds in a test's workplace.

import { expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import type { Cli } from './cli.js'

export async function checksOf(shop: Cli, environment: Record<string, string> = {}) {
  return ((await shop.jsonWith(environment, 'doctor')).result as DoctorResult).checks
}

/** Other tests use the servers, too, so how many connections these have left is not a test's to say. */
export async function failuresOf(shop: Cli, environment: Record<string, string> = {}) {
  const checks = await checksOf(shop, environment)
  return checks.filter(({ name, ok, fix }) => !ok && !(name === 'connections' && fix?.includes('of the server')))
}

export function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, skipped: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}
