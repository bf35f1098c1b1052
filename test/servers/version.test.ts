import { expect, test } from 'vitest'
import { isOlder } from '../../src/servers/version.js'

test.for([
  ['12.22', '13', true],
  ['13.0', '13', false],
  ['9.6.24', '13', true],
  ['10.6.18', '10.11', true],
  ['10.11.6', '10.11', false],
  ['11.4.2', '10.11', false],
  ['5.7.44', '8.0', true],
  ['8.0.36', '8.0', false],
  ['9.1.0', '8.0', false],
  ['17beta1', '13', false],
  ['20.9.0', '20.19', true],
  ['', '6.2', true],
] as const)('version %s where %s is needed', ([version, least, older]) => {
  expect(isOlder(version, least)).toBe(older)
})
