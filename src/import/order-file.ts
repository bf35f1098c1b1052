// Opens an order file for a command that reads it.
import { type Content, openContent } from '../csv/content.js'
import { UTF8 } from '../csv/encoding.js'
import type { Answers } from './mapping/mapping.js'
import { isRejectsHeader } from './reject-columns.js'

/**
 * Opens a file, or standard input for `-`, in the encoding of the answers, else in that of their mapping. The mapping
 * does not count for rejects files, which are written in UTF-8 whatever the shop writes. Neither does UTF-8: `import
 * inspect` saves it for files without any other letters than ASCII, too, and it is found out anyway.
 */
export function openOrderFile(file: string, { encoding, mapping }: Answers): Promise<Content> {
  const usual = mapping?.encoding
  if (encoding !== undefined || usual === undefined || usual === UTF8) return openContent(file, { encoding })
  return openContent(file, { encoding: usual, isOther: isRejectsHeader })
}
