// Finds the encoding of a text by its bytes, decodes it, and names bytes that do not fit.
import { isUtf8 } from 'node:buffer'
import { usageError } from '../errors.js'

export const UTF8 = 'utf-8'

/** Loaded on demand: most files are UTF-8. */
const loadIconv = () => import('iconv-lite')

/** Encodings that iconv-lite knows but that are none of text. */
const NOT_OF_TEXT = ['base64', 'hex']

/** How much of a file shows whether it is UTF-8, in bytes. */
export const EVIDENCE_BYTES = 8_388_608

const FIX =
  'Name its encoding, as in --encoding windows-1251 or --encoding shift_jis. Or save it as UTF-8 (in Excel: "CSV UTF-8").'

/** @returns the name as messages show it. @throws UserError if iconv-lite does not know it */
export async function knownEncoding(wanted: string): Promise<string> {
  const name = wanted.trim().toLowerCase()
  if (/^utf-?8$/.test(name)) return UTF8
  const { default: iconv } = await loadIconv()
  if (iconv.encodingExists(name) && !NOT_OF_TEXT.includes(name)) return name
  throw usageError({
    code: 'unknown_encoding',
    message: `Unknown encoding "${wanted}".`,
    fix: 'Use a common name, such as utf-8, utf-16le, windows-1252, windows-1251, iso-8859-15, shift_jis or gb18030.',
  })
}

/**
 * @param sample the first bytes of a file, at best EVIDENCE_BYTES
 * @param isWhole whether the sample is the whole file
 * @throws UserError if it is neither UTF-8 nor UTF-16, and windows-1252 is not plausible
 */
export function detectEncoding(sample: Buffer, isWhole: boolean, name: string): string {
  const unicode = markedEncoding(sample) ?? utf16Of(sample.subarray(0, 4096))
  if (unicode) return unicode
  // A file with NUL bytes is not text in any encoding.
  if (isUtf8(isWhole ? sample : withoutCut(sample)) || sample.includes(0)) return UTF8
  const bytes = countBytes(isWhole ? sample : withoutCut(sample))
  // A few lines in another encoding: those lines are rejected.
  if (bytes.utf8 > bytes.invalid) return UTF8
  if (bytes.utf8 * 10 < bytes.invalid && isWindows1252(sample, bytes)) return 'windows-1252'
  const start = sample.lastIndexOf(0x0a, bytes.firstInvalid) + 1
  const line = sample.subarray(0, start).toString('latin1').split('\n').length
  const byte = invalidByte(sample, start, bytes.firstInvalid)
  throw usageError({
    code: 'wrong_encoding',
    message: `Cannot tell the encoding of ${name}: line ${line} has ${byte}, which is not UTF-8.`,
    fix: FIX,
  })
}

/** Recognises a byte order mark. */
function markedEncoding(first: Buffer): string | undefined {
  if (first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf) return UTF8
  if (first[0] === 0xff && first[1] === 0xfe) return 'utf-16le'
  return first[0] === 0xfe && first[1] === 0xff ? 'utf-16be' : undefined
}

/** In UTF-16, digits, delimiters and line endings have a zero byte, always on the same side. */
function utf16Of(first: Buffer): string | undefined {
  const zeros = [0, 0]
  for (const [at, byte] of first.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros
  if (Math.max(even, odd) * 16 < first.length || Math.min(even, odd) * 10 > Math.max(even, odd)) return undefined
  if (even === odd) return undefined
  return odd > even ? 'utf-16le' : 'utf-16be'
}

/** Removes a last character that may be cut. */
function withoutCut(sample: Buffer): Buffer {
  const lead = sample.subarray(-4).findLastIndex((byte) => (byte & 0xc0) !== 0x80)
  return lead === -1 ? sample : sample.subarray(0, sample.length - Math.min(sample.length, 4) + lead)
}

interface ByteCounts {
  /** Characters of two and more bytes that are valid UTF-8. */
  readonly utf8: number
  /** Bytes that are not UTF-8. */
  readonly invalid: number
  readonly firstInvalid: number
}

function countBytes(sample: Buffer): ByteCounts {
  let utf8 = 0
  let invalid = 0
  let firstInvalid = -1
  for (let at = 0; at < sample.length; at++) {
    if ((sample[at] ?? 0) < 0x80) continue
    const length = sequenceLength(sample, at)
    if (length > 0) {
      utf8++
      at += length - 1
    } else {
      if (invalid === 0) firstInvalid = at
      invalid++
    }
  }
  return { utf8, invalid, firstInvalid }
}

/** Length of the character of two to four bytes; 0 if it is not valid UTF-8 (Unicode 16, table 3-7). */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0
}

/** Bytes that windows-1252 does not define. */
const UNDEFINED = [0x81, 0x8d, 0x8f, 0x90, 0x9d]

/** Quotes, dashes, `…`, `€` and `™`. */
const PUNCTUATION = [0x80, 0x85, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x99]
/** Those of them that do not occur between two letters, where DOS code pages have letters. */
const BETWEEN_WORDS = [0x80, 0x91, 0x93, 0x94, 0x95]

/**
 * Letters outside ASCII are rare in the languages of windows-1252 and most are in one range. Those of Cyrillic, Greek
 * and Asian encodings are frequent, and those of Mac and DOS code pages are elsewhere.
 */
function isWindows1252(sample: Buffer, { invalid }: ByteCounts): boolean {
  if (UNDEFINED.some((byte) => sample.includes(byte))) return false
  let run = 0
  let unusual = 0
  for (const [at, byte] of sample.entries()) {
    run = byte >= 0xc0 ? run + 1 : 0
    if (run === 3) return false
    if (byte < 0x80 || byte >= 0xa0) continue
    const isInWord = isLetter(sample[at - 1]) && isLetter(sample[at + 1])
    if (!PUNCTUATION.includes(byte) || (isInWord && BETWEEN_WORDS.includes(byte))) unusual++
  }
  return unusual * 2 <= invalid
}

const isLetter = (byte = 0) => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)

/** Decodes blocks into UTF-8. */
export async function* decode(blocks: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer, void> {
  const { default: iconv } = await loadIconv()
  const decoder = iconv.getDecoder(encoding)
  /** The first half of a character that a block cuts. */
  let half = ''
  for await (const block of blocks) {
    const text = half + decoder.write(block)
    half = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? ''
    const bytes = Buffer.from(half === '' ? text : text.slice(0, -1))
    if (bytes.length > 0) yield bytes
  }
  const rest = Buffer.from(half + (decoder.end() ?? ''))
  if (rest.length > 0) yield rest
}

/**
 * Describes the first byte of a line that is not valid in the encoding of the file, as in `byte 0xE9 at column 31 is
 * not UTF-8`. Columns are characters, counted from 1.
 *
 * @param line as the content has it, in UTF-8; a character that could not be decoded is U+FFFD
 * @returns undefined if there is none
 */
export function findInvalid(line: Buffer, encoding: string): string | undefined {
  if (encoding === UTF8) {
    const { firstInvalid } = countBytes(line)
    return firstInvalid === -1 ? undefined : `${invalidByte(line, 0, firstInvalid)} is not UTF-8`
  }
  const at = line.indexOf('\uFFFD')
  return at === -1 ? undefined : `the character at column ${columnAt(line, 0, at)} is not valid ${encoding}`
}

function invalidByte(text: Buffer, start: number, at: number): string {
  const byte = (text[at] ?? 0).toString(16).toUpperCase()
  return `byte 0x${byte} at column ${columnAt(text, start, at)}`
}

const columnAt = (text: Buffer, start: number, at: number) => [...text.toString('utf8', start, at)].length + 1

/** Whether the text has control characters, apart from line ends and delimiters, or characters that are not valid. */
export function isSuspect(window: Buffer, delimiter: string): boolean {
  // In quotes, a tab can be part of a cell.
  const hasTabs = delimiter === '\t' && !window.includes('"')
  for (let at = 0; at < window.length; at++) {
    const byte = window[at] ?? 0
    if (byte < 0x20 && byte !== 0x0a && !(byte === 0x0d && window[at + 1] === 0x0a) && !(byte === 0x09 && hasTabs))
      return true
    if (byte === 0x7f || (byte === 0xc2 && (window[at + 1] ?? 0) < 0xa0)) return true
  }
  return window.includes('\uFFFD') || !isUtf8(window)
}
