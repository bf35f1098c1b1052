// The fields that `--json FIELDS` can pick. An oclif flag cannot have an optional value, so it is read here.
import { nearest } from '../domain/nearest.js'
import { usageError } from '../errors.js'
import FIELDS from './json-fields.json' with { type: 'json' }

export interface JsonFields {
  /** The field that holds the rows of a list; undefined if the fields are those of the document. */
  readonly rows: string | undefined
  readonly names: readonly string[]
}

/** @param command its words, such as `orders list` */
export function jsonFieldsOf(command: string): JsonFields | undefined {
  const entry = Object.entries(FIELDS).find(([name]) => name === command)?.[1]
  if (entry === undefined) return undefined
  const [names = '', rows] = entry.split(' of ')
  return { names: names.split(','), rows }
}

interface Taken {
  /** The command line with a plain `--json`. */
  readonly argv: string[]
  /** Undefined for all fields. */
  readonly fields: string[] | undefined
}

/** Takes the value from `--json=LIST`, and from `--json LIST` if LIST names only known fields. */
export function takeFields(argv: readonly string[], known: readonly string[]): Taken {
  const end = argv.indexOf('--')
  const at = argv.findIndex((word, index) => /^--json(=|$)/.test(word) && (end < 0 || index < end))
  const [word = '', next = ''] = argv.slice(at, at + 2)
  const isAssigned = word.includes('=')
  const isNext = !isAssigned && next.split(',').every((field) => known.includes(field))
  if (at < 0 || !(isAssigned || isNext)) return { argv: [...argv], fields: undefined }
  const list = isAssigned ? word.slice('--json='.length) : next
  return { argv: [...argv.slice(0, at), '--json', ...argv.slice(at + (isNext ? 2 : 1))], fields: list.split(',') }
}

/** @throws UserError (exit 2) for a field that the command does not have */
export function refuseUnknownFields(fields: readonly string[], known: readonly string[]): void {
  const unknown = fields.find((field) => !known.includes(field))
  if (unknown === undefined) return
  const meant = nearest(unknown, known)
  throw usageError({
    code: 'unknown_field',
    message: `Unknown JSON field "${unknown}".${meant ? ` Did you mean "${meant}"?` : ''}`,
    fix: `Fields: ${known.join(', ')}.`,
  })
}

/** Keeps the fields of the document, or of each of its rows. */
export function pickFields(document: unknown, fields: readonly string[], rows: string | undefined): unknown {
  if (!isObject(document)) return document
  if (rows === undefined) return Object.fromEntries(fields.map((field) => [field, document[field]]))
  const list = document[rows]
  return { ...document, [rows]: Array.isArray(list) ? list.map((row) => pickFields(row, fields, undefined)) : list }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
