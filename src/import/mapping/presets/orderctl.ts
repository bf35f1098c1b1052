// The nine columns that orderctl has always read, named for their fields.
import { FIELDS } from '../mapping.js'
import type { Preset } from './preset.js'

const COLUMNS = FIELDS.filter((field) => field !== 'line_total')

export const orderctl: Preset = {
  name: 'orderctl',
  reads: 'the nine columns of orderctl',
  headers: [COLUMNS],
  mapping: {
    preset: 'orderctl',
    columns: Object.fromEntries(COLUMNS.map((field) => [field, [field]])),
    guests: false,
    unsold: false,
  },
}
