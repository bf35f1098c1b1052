// What `doctor` finds in a test's workplace.
import { expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import type { WorkFolder } from './workplace.js'

export async function checksOf(place: WorkFolder, environment: Record<string, string> = {}) {
  return ((await place.jsonWith(environment, 'doctor')).result as DoctorResult).checks
}

export async function failuresOf(place: WorkFolder, environment: Record<string, string> = {}) {
  return (await checksOf(place, environment)).filter(({ ok }) => !ok)
}

export function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, skipped: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}
