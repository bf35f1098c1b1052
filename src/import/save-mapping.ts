// Writes the file of --save-map.
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { STDIN } from '../csv/bytes.js'
import { errorCode, usageError } from '../errors.js'
import { isSameFile } from '../output-file.js'
import { mappingText } from './mapping/map-file.js'
import type { Mapping } from './mapping/mapping.js'

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
