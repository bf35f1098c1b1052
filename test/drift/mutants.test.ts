// The mutants of `npm run mutants` must fit the code and the tests: otherwise they no longer break what they name.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { MUTANTS } from '../mutants/mutants.js'

const ROOT = resolve(import.meta.dirname, '../..')

test('the text of each mutant stands in its file exactly once', () => {
  const counts = MUTANTS.map(({ name, file, find }) => ({
    name,
    found: readFileSync(join(ROOT, 'src', file), 'utf8').split(find).length - 1,
  }))
  expect(counts.filter(({ found }) => found !== 1)).toEqual([])
})

test('each mutant has a name of its own, and changes something', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  expect(MUTANTS.filter(({ find, replace }) => find === replace)).toEqual([])
})

test('each mutant names test files that exist', () => {
  const files = MUTANTS.flatMap(({ tests }) => tests)
  expect(files.filter((file) => !existsSync(join(ROOT, 'test', file)))).toEqual([])
})
