// The systems whose exports are read as they are. A preset is a mapping and the names of columns that identify it.
import { nearest } from '../../domain/nearest.js'
import { type UserError, usageError } from '../../errors.js'
import { normalName } from './names.js'
import { amazon } from './presets/amazon.js'
import { ebay } from './presets/ebay.js'
import { etsy } from './presets/etsy.js'
import { onlineRetail } from './presets/online-retail.js'
import { orderctl } from './presets/orderctl.js'
import type { Preset } from './presets/preset.js'
import { shopify } from './presets/shopify.js'
import { square } from './presets/square.js'
import { superstore } from './presets/superstore.js'
import { toast } from './presets/toast.js'
import { woocommerce } from './presets/woocommerce.js'

export const PRESETS: readonly Preset[] = [
  orderctl,
  shopify,
  woocommerce,
  amazon,
  ebay,
  etsy,
  square,
  toast,
  superstore,
  onlineRetail,
]

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
