// Mapping files: what `--save-map` writes, `--map` reads; a mistake is named with its place.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { mappingText, readMapping } from '../../../src/import/mapping/map-file.js'
import { mappingSchema } from '../../../src/import/mapping/mapping-schema.js'
import { PRESETS } from '../../../src/import/mapping/presets.js'

const folder = mkdtempSync(join(tmpdir(), 'map-file-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(text: string): string {
  const file = join(folder, `${Math.random()}.json`)
  writeFileSync(file, text)
  return file
}

const COLUMNS = '"columns": {"order_id": ["id"]}'

test.for(PRESETS.map(({ name, mapping }) => ({ name, mapping })))('reads back the mapping of $name', async (preset) => {
  expect(await readMapping(fileOf(mappingText(preset.mapping)))).toEqual(preset.mapping)
  expect(await readMapping(preset.name.toUpperCase())).toEqual(preset.mapping)
})

test.for([
  ['not JSON', '{columns: 1}', 'bad_map', 'it is not JSON'],
  ['no object', '[]', 'bad_map', 'expected object, received array'],
  ['no columns', '{}', 'bad_map', 'columns: expected record, received undefined'],
  ['a field that does not exist', '{"columns": {"price": ["Preis"]}}', 'bad_map', 'columns'],
  ['a column that is no list', '{"columns": {"quantity": "Menge"}}', 'bad_map', 'columns.quantity: expected array'],
  ['an unknown property', `{${COLUMNS}, "decimals": "comma"}`, 'bad_map', 'decimals'],
  ['an unknown decimal mark', `{${COLUMNS}, "decimal": ","}`, 'bad_map', 'decimal: expected one of "point"|"comma"'],
  ['an unknown currency', `{${COLUMNS}, "currency": "EURO"}`, 'bad_map', 'currency: is no ISO 4217 code'],
  ['half a skip rule', `{${COLUMNS}, "skip": [{"reason": "x", "column": "y"}]}`, 'bad_map', 'skip.0: expected reason'],
] as const)('refuses a mapping file with %s', async ([, text, code, says]) => {
  const message = expect.stringContaining(says)
  await expect(readMapping(fileOf(text))).rejects.toMatchObject({ exit: 2, code, message })
})

test('tells a missing file from an unknown preset', async () => {
  await expect(readMapping('maps/shop.json')).rejects.toMatchObject({ exit: 2, code: 'map_not_found' })
  const message = expect.stringContaining('Did you mean shopify?')
  await expect(readMapping('shopfy')).rejects.toMatchObject({ exit: 2, code: 'unknown_preset', message })
})

test('docs/mapping.schema.json describes mapping files (`--update` writes it)', async () => {
  const schema = z.toJSONSchema(mappingSchema, { io: 'input' })
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../../../docs/mapping.schema.json')
})
