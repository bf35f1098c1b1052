// What `doctor` finds in a test's workplace.
import { expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import type { WorkFolder } from './workplace.js'

export async function checksOf(place: WorkFolder, environment: Record<string, string> = {}) {
  return ((await place.jsonWith(environment, 'doctor')).result as DoctorResult).checks
}

/** Other tests use the servers, too, so how many connections these have left is not a test's to say. */
export async function failuresOf(place: WorkFolder, environment: Record<string, string> = {}) {
  const checks = await checksOf(place, environment)
  return checks.filter(({ name, ok, fix }) => !ok && !(name === 'connections' && fix?.includes('of the server')))
}

export function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, skipped: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}
