// Finds the preset of a file. A preset is the mapping of a known export and the names of columns that identify it.
import { nearest } from '../../domain/nearest.js'
import { type UserError, usageError } from '../../errors.js'
import { EXPORTS, type Export } from './exports.js'
import type { Mapping } from './mapping.js'
import { normalName } from './names.js'

export interface Preset extends Pick<Export, 'reads' | 'headers'> {
  readonly name: string
  readonly mapping: Mapping
}

export const PRESETS: readonly Preset[] = Object.entries(EXPORTS).map(([preset, { reads, headers, ...mapping }]) => {
  return { name: preset, reads, headers, mapping: { preset, ...mapping } }
})

/**
 * Returns the candidate with the longest of the headers whose names are all present; undefined if there is none.
 *
 * @param names as `normalName` returns them
 */
export function mostSpecific<Candidate extends Pick<Preset, 'headers'>>(
  candidates: readonly Candidate[],
  names: ReadonlySet<string>,
): Candidate | undefined {
  const found = candidates.flatMap((candidate) =>
    candidate.headers
      .filter((header) => header.every((name) => names.has(normalKnown(name))))
      .map((header) => ({ candidate, columns: header.length })),
  )
  return found.sort((one, other) => other.columns - one.columns)[0]?.candidate
}

/** The names of presets are compared with each line that may be a header. */
const normalNames = new Map<string, string>()

function normalKnown(name: string): string {
  const known = normalNames.get(name)
  if (known !== undefined) return known
  const normal = normalName(name)
  normalNames.set(name, normal)
  return normal
}

/** @throws UserError if there is no such preset */
export function presetNamed(name: string): Preset {
  const preset = PRESETS.find((preset) => preset.name === name.toLowerCase())
  if (!preset) throw unknownPreset(name)
  return preset
}

export function unknownPreset(name: string): UserError {
  const names = PRESETS.map((preset) => preset.name)
  const likely = nearest(name, names)
  return usageError({
    code: 'unknown_preset',
    message: `There is no preset ${name}.${likely ? ` Did you mean ${likely}?` : ''}`,
    fix: `Use one of ${names.join(', ')}, or name a mapping file.`,
  })
}
