// Imports run downwards: a room imports only rooms that stand below it. Biome finds circles of files.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../src')

/** From the ground up: domain knows nothing, terminal only the domain, commands everything. */
const FLOORS = [
  ['domain', 'errors.ts'],
  ['background.ts', 'output-file.ts', 'terminal'],
  ['servers'],
  ['config'],
  ['database'],
  ['csv', 'payments', 'queue'],
  ['workflow'],
  ['import', 'inventory', 'reports'],
  ['audit', 'redis'],
  ['schedule', 'move'],
  ['doctor'],
  ['app.ts'],
  ['command-line'],
  ['commands'],
]

test('every import runs down, or stays in its room', () => {
  const upward = importsOf(SRC).filter(({ from, to }) => from !== to && floorOf(to) >= floorOf(from))
  expect(upward.map(({ file, target }) => `${file} -> ${target}`)).toEqual([])
})

function importsOf(folder: string) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)\.js'/g)].map(([, path]) => {
      const target = `${join(dirname(file), `${path}`)}.ts`
      return { file, target, from: roomOf(file), to: roomOf(target) }
    }),
  )
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function floorOf(room: string): number {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room))
  if (floor < 0) throw new Error(`${room} stands on no floor: add it to the list above`)
  return floor
}
