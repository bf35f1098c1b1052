// A seed is only worth something if it replays: its steps depend on nothing but the seed.
import { expect, test } from 'vitest'
import { simulate } from './run-simulation.js'

test('a seed replays step by step', async () => {
  const [once, again] = [await simulate(['--seed', '8', '--trace']), await simulate(['--seed', '8', '--trace'])]
  expect(once.stdout).toContain('crash of w')
  expect(once.stdout).toContain('begin immediate')
  expect(once.stdout.split('\n').length).toBeGreaterThan(500)
  expect(again).toEqual(once)
})
