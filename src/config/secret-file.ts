// Reads the files of secrets and certificates that settings name.
import { readFileSync } from 'node:fs'
import { errorCode, type UserError, usageError } from '../errors.js'

/**
 * Reads the text of a file, without white space at its ends. Messages never show it.
 *
 * @param setting the variable that names the file
 * @param parse throws an Error that says what the text must be
 * @throws UserError (exit 2)
 */
export function readSecretFile<Secret>(path: string, setting: string, parse: (text: string) => Secret): Secret {
  let text = ''
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw unfit(`Cannot read ${path} (${errorCode(error) ?? 'unknown reason'}).`, setting)
  }
  if (text === '') throw unfit(`${path} is empty.`, setting)
  try {
    return parse(text)
  } catch (error) {
    throw unfit(`Cannot use ${path}: ${error instanceof Error ? error.message : error}.`, setting)
  }
}

function unfit(message: string, setting: string): UserError {
  return usageError({ code: 'bad_configuration', message, fix: `Correct the file, or ${setting}, which names it.` })
}
