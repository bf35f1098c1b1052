// A folder of src imports only folders of lower layers. Biome finds import cycles of files.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../src')

/** From the lowest: domain imports nothing, terminal only the domain, commands everything. */
const LAYERS = [
  ['domain', 'errors.ts'],
  ['background.ts', 'output-file.ts', 'terminal'],
  ['servers'],
  ['config'],
  ['database'],
  ['csv', 'notify', 'payments', 'queue'],
  ['workflow'],
  ['import', 'inventory', 'reports'],
  ['audit', 'redis', 'retention'],
  ['schedule', 'move', 'backup'],
  ['doctor'],
  ['app.ts'],
  ['command-line'],
  ['commands'],
]

test('every import leads to a lower layer or stays in its folder', () => {
  const upward = importsOf(SRC).filter(({ from, to }) => from !== to && layerOf(to) >= layerOf(from))
  expect(upward.map(({ file, target }) => `${file} -> ${target}`)).toEqual([])
})

function importsOf(folder: string) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)\.js'/g)].map(([, path]) => {
      const target = `${join(dirname(file), `${path}`)}.ts`
      return { file, target, from: partOf(file), to: partOf(target) }
    }),
  )
}

/** The folder of the file, or the file itself if it is in none. */
function partOf(file: string): string {
  return file.split('/')[0] ?? file
}

function layerOf(part: string): number {
  const layer = LAYERS.findIndex((parts) => parts.includes(part))
  if (layer < 0) throw new Error(`${part} is in no layer: add it to the list above`)
  return layer
}
