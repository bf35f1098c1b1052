// What `doctor` finds in a test's shop.

import { expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import type { Cli } from './cli.js'

export async function checksOf(shop: Cli, environment: Record<string, string> = {}) {
  return ((await shop.jsonWith(environment, 'doctor')).result as DoctorResult).checks
}

export async function failuresOf(shop: Cli, environment: Record<string, string> = {}) {
  return (await checksOf(shop, environment)).filter(({ ok }) => !ok)
}

export function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, skipped: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}
