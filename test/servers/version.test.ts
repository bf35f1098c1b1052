import { expect, test } from 'vitest'
import { isOlder } from '../../src/servers/version.js'

test.for([
  ['12.22', '13', true],
  ['13.0', '13', false],
  ['9.6.24', '13', true],
  ['10.6.18', '10.11', true],
  ['10.11.6', '10.11', false],
  ['17beta1', '13', false],
  ['', '6.2', true],
] as const)('version %s is older than %s: %s', ([version, least, older]) => {
  expect(isOlder(version, least)).toBe(older)
})
