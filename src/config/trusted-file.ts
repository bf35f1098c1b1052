// Reads a file that decides which commands run and where payments go, unless other users may change it.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { usageError } from '../errors.js'

/** @throws UserError if another user but root owns the file, or every user may write it */
export function readTrustedFile(path: string): string {
  // Does not wait for a named pipe, which another user may have put there.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    refuseForeign(path, file)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function refuseForeign(path: string, file: number): void {
  const user = process.geteuid?.()
  // Windows has other permissions.
  if (user === undefined) return
  const { uid, mode } = fstatSync(file)
  const isForeign = uid !== 0 && uid !== user
  if (!isForeign && (mode & 0o002) === 0) return
  throw usageError({
    code: 'config_unsafe',
    message: `${path} ${isForeign ? `belongs to another user (uid ${uid})` : 'may be written by every user'}, who could run commands as you and redirect payments.`,
    fix: `If you trust its content, run: ${isForeign ? `chown ${user}` : 'chmod o-w'} "${path}". Otherwise run orderctl in another folder.`,
  })
}
