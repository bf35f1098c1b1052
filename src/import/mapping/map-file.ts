// Reads and writes mapping files: `--map FILE|PRESET` and `--save-map FILE`.
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs'
import type { ZodError } from 'zod'
import { STDIN } from '../../csv/bytes.js'
import { errorCode, type UserError, usageError } from '../../errors.js'
import { isSameFile } from '../../output-file.js'
import type { Mapping } from './mapping.js'
import { PRESETS, unknownPreset } from './presets.js'

/**
 * Reads a mapping file, or returns the mapping of a preset. A name without a dot or slash is a preset.
 *
 * @throws UserError (exit 2) if the file is missing or no mapping, or if there is no such preset
 */
export async function readMapping(fileOrPreset: string): Promise<Mapping> {
  const preset = PRESETS.find(({ name }) => name === fileOrPreset.toLowerCase())
  if (preset) return preset.mapping
  const text = readText(fileOrPreset)
  const value = parseJson(text, fileOrPreset)
  const { mappingSchema } = await import('./mapping-schema.js')
  const parsed = mappingSchema.safeParse(value)
  if (!parsed.success) throw notAMapping(fileOrPreset, problemsOf(parsed.error))
  const { $schema: _, ...mapping } = parsed.data
  return mapping
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    if (code === 'ENOENT' && !/[./\\]/.test(file)) throw unknownPreset(file)
    const message = code === 'ENOENT' ? `${file} does not exist.` : `Cannot read ${file} (${code}).`
    const fix = `Name a mapping file, or one of the presets ${PRESETS.map(({ name }) => name).join(', ')}.`
    throw usageError({ code: code === 'ENOENT' ? 'map_not_found' : 'map_unreadable', message, fix })
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw notAMapping(file, `it is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function notAMapping(file: string, problem: string): UserError {
  return usageError({
    code: 'bad_map',
    message: `${file} is no mapping: ${problem}.`,
    fix: 'Write a valid one with `orderctl import inspect FILE --save-map map.json`, and edit that.',
  })
}

/** As in `columns.quantity: expected array, received string`. */
function problemsOf({ issues }: ZodError): string {
  const texts = issues.map(({ path, message }) => {
    const place = path.length > 0 ? `${path.join('.')}: ` : ''
    return `${place}${message.replace(/^Invalid (input|option): /, '')}`
  })
  return texts.slice(0, 3).join('; ')
}

export interface SaveOptions {
  /** Replace an existing file, but never the input. */
  readonly force: boolean
  /** The file that was inspected, or `-`. */
  readonly input: string
}

/** Not through a symbolic link, which another user may have put there. */
const OVERWRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NOFOLLOW ?? 0)

/** @throws UserError (exit 2) if the file exists or cannot be written */
export function saveMapping(path: string, mapping: Mapping, { force, input }: SaveOptions): void {
  if (input !== STDIN && isSameFile(path, input)) {
    throw usageError({
      code: 'map_over_input',
      message: `--save-map would overwrite ${path}, the file being inspected.`,
      fix: 'Name another file.',
    })
  }
  try {
    const file = openSync(path, force ? OVERWRITE : 'wx')
    try {
      writeFileSync(file, mappingText(mapping))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    const exists = code === 'EEXIST'
    throw usageError({
      code: exists ? 'map_exists' : 'map_unwritable',
      message: exists ? `${path} exists already.` : `Cannot write the mapping to ${path} (${code}).`,
      fix: exists ? 'Name another file, or replace it with --force.' : 'Name a file in a folder that can be written.',
    })
  }
}

/** The text of a mapping file. */
export function mappingText(mapping: Mapping): string {
  return `${JSON.stringify(mapping, null, 2)}\n`
}
