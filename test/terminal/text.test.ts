// Text that is safe to print, and numbers and times in words.
import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { ago, cleanText, countOf, cutText, duration, escapeJson, padText } from '../../src/terminal/text.js'
import { anyText, trickyText } from '../support/any-text.js'

const CONTROL = /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u

describe('cleanText', () => {
  test.each([
    ['\u001b[31mred\u001b[0m', '[31mred[0m'],
    ['one\r\n\ttwo', 'one two'],
    ['\u009b2Jgone\u0007\u007f', '2Jgone'],
    ['invoice\u202egpj.exe\u200b', 'invoicegpj.exe'],
    ['half \ud83d a pair', 'half \ufffd a pair'],
    ['not yet\u2065 assigned\ufff0', 'not yet assigned'],
    ['Zoë 界 ก็ 🪴', 'Zoë 界 ก็ 🪴'],
  ])('prints %j as %j', (text, clean) => {
    expect(cleanText(text)).toBe(clean)
  })

  test('leaves no control character, and changes nothing the second time', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const clean = cleanText(text)
        expect(clean).not.toMatch(CONTROL)
        expect(cleanText(clean)).toBe(clean)
      }),
    )
  })
})

describe('cutText and padText', () => {
  test('drop a wide character that does not fit', () => {
    expect(cutText('界界界', 4)).toBe('界…')
    expect(cutText('界界', 4)).toBe('界界')
    expect(cutText('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…')
    expect(cutText('abc', 0)).toBe('')
  })

  test('together give exactly the width', () => {
    fc.assert(
      fc.property(trickyText.map(cleanText), fc.nat(20), (text, width) => {
        expect(stringWidth(padText(cutText(text, width), width))).toBe(width)
      }),
    )
  })
})

test('countOf has plurals, also irregular ones', () => {
  expect([0, 1, 12_345].map((count) => countOf(count, 'order'))).toEqual(['0 orders', '1 order', '12,345 orders'])
  expect(countOf(2, 'entry', 'entries')).toBe('2 entries')
})

test.each([
  [-5, '0 s'],
  [0, '0 s'],
  [0.42, '0.4 s'],
  [3, '3 s'],
  [9.96, '10 s'],
  [12.4, '12 s'],
  [59.7, '1 min'],
  [200, '3 min 20 s'],
  [7_500, '2 h 5 min'],
  [3_605, '1 h'],
  [180_000, '2 d 2 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test.each([
  [500, 'just now'],
  [-60_000, 'just now'],
  [1_900, '1 s ago'],
  [12_000, '12 s ago'],
])('%d ms ago is %s', (back, text) => {
  expect(ago(1_700_000_000_000 - back, 1_700_000_000_000)).toBe(text)
})

test('escapeJson keeps the value, without control, break or invisible characters', () => {
  fc.assert(
    fc.property(fc.record({ text: anyText }), (value) => {
      const json = escapeJson(JSON.stringify(value))
      expect(JSON.parse(json)).toEqual(value)
      expect(cleanText(json)).toBe(json)
    }),
  )
})
