// Widths that are known without string-width are those of string-width.
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { widthOf } from '../../src/terminal/text-width.js'

test('every character below U+3000 has the width that string-width gives it, after another one', () => {
  const texts = Array.from({ length: 0x3000 }, (_, code) => `─${String.fromCharCode(code)}`)
  expect(texts.filter((text) => widthOf(text) !== stringWidth(text))).toEqual([])
})
