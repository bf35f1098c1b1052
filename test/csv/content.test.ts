// Content is UTF-8, whatever the compression and encoding of the file; what is no text is refused with the reason.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'
import { afterAll, describe, expect, test } from 'vitest'
import { openContent } from '../../src/csv/content.js'
import { findInvalid } from '../../src/csv/encoding.js'

const folder = mkdtempSync(join(tmpdir(), 'orderctl-content-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function read(bytes: Buffer, encoding?: string) {
  const file = join(folder, 'orders.csv')
  writeFileSync(file, bytes)
  const content = await openContent(file, { encoding })
  try {
    const blocks: Buffer[] = []
    for (let block = await content.next(); block; block = await content.next()) blocks.push(block)
    const { compression, fraction, size } = content
    expect({ fraction, size }).toEqual({ fraction: 1, size: bytes.length })
    return { text: Buffer.concat(blocks).toString(), blocks, encoding: content.encoding, compression }
  } finally {
    await content.close()
  }
}

const TEXT = 'order_id,name\r\nA-1,Zoë\r\n'
const encode = (encoding: string, text = TEXT) => iconv.encode(text, encoding)

describe('the encoding', () => {
  test.for([
    ['utf-8', Buffer.from(TEXT)],
    ['utf-8', Buffer.from(`\uFEFF${TEXT}`)],
    ['utf-16le', Buffer.from(`\uFEFF${TEXT}`, 'utf16le')],
    ['utf-16le', Buffer.from(TEXT, 'utf16le')],
    ['utf-16be', encode('utf-16be', `\uFEFF${TEXT}`)],
    ['utf-16be', encode('utf-16be')],
    ['windows-1252', encode('latin1')],
  ] as const)('%s is found by its bytes', async ([encoding, bytes]) => {
    expect(await read(bytes)).toMatchObject({ text: TEXT, encoding, compression: null })
  })

  test('windows-1252 is read with its own characters', async () => {
    const text = 'price,note\n3 €,Women’s “blue” – Café Müller™\n'
    expect(await read(encode('windows-1252', text))).toMatchObject({ text, encoding: 'windows-1252' })
  })

  test.for(['windows-1251', 'shift_jis', 'iso-8859-7', 'macroman', 'gb18030'])(
    '%s is read by its name',
    async (name) => {
      const texts: Readonly<Record<string, string>> = {
        'windows-1251': 'Привет',
        shift_jis: '注文',
        'iso-8859-7': 'Αθήνα',
      }
      const text = `id,name\n1,${texts[name] ?? 'Zoë'}\n`
      expect(await read(encode(name, text), ` ${name.toUpperCase()} `)).toMatchObject({ text, encoding: name })
    },
  )

  test.for([
    ['windows-1251', 'Привет, мир', 'line 2 has byte 0xCF at column 3'],
    ['iso-8859-7', 'Αθήνα', 'line 2 has byte 0xC1 at column 3'],
    ['macroman', 'Müller & Jörg', 'line 2 has byte 0x9F at column 4'],
    ['cp850', 'Jörg', 'line 2 has byte 0x94 at column 4'],
    ['shift_jis', '注文', 'line 2 has byte 0x92 at column 3'],
  ] as const)('%s is asked for, with the first byte that is not UTF-8', async ([name, text, says]) => {
    const refusal = { code: 'wrong_encoding', message: expect.stringContaining(says), exit: 2 }
    await expect(read(encode(name, `id,name\n1,${text}\n`))).rejects.toMatchObject({
      ...refusal,
      fix: expect.stringContaining('--encoding windows-1251'),
    })
  })

  test('of a UTF-8 file with a bad byte is UTF-8, and the byte is passed on', async () => {
    const { blocks, encoding } = await read(Buffer.concat([Buffer.from('Zoë,Chloë\n'), encode('latin1', 'Zoë\n')]))
    expect({ encoding, line: Buffer.concat(blocks).toString('latin1').split('\n')[1] }).toEqual({
      encoding: 'utf-8',
      line: 'Zoë',
    })
  })

  test('is found in 8 MiB, which may end within a character', async () => {
    const start = 'a'.repeat(8_388_607)
    expect(await read(Buffer.from(`${start}ë\n`))).toMatchObject({ encoding: 'utf-8' })
    const late = await read(Buffer.concat([Buffer.from(`${start}\n`), encode('latin1')]))
    expect(late.encoding).toBe('utf-8')
  })

  test.for(['klingon', 'base64', ''])('"%s" is refused as unknown', async (name) => {
    await expect(read(Buffer.from(TEXT), name)).rejects.toMatchObject({ code: 'unknown_encoding', exit: 2 })
  })
})

describe('an invalid character is described by its column for', () => {
  test.for([
    ['utf-8', encode('latin1', 'A-1,Zoë'), 'byte 0xEB at column 7 is not UTF-8'],
    ['utf-8', Buffer.from([0xc3, 0xab, 0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82]), 'byte 0xE2 at column 3 is not UTF-8'],
    ['utf-8', Buffer.from('A-1,\uFFFD'), undefined],
    ['shift_jis', Buffer.from('ë\uFFFD'), 'the character at column 2 is not valid shift_jis'],
    ['windows-1252', Buffer.from('ë'), undefined],
  ] as const)('%s: %s', ([encoding, line, description]) => {
    expect(findInvalid(line, encoding)).toBe(description)
  })
})

// TEXT, compressed by zstd 1.5.
const ZSTD = Buffer.from('KLUv/QRYyQAAb3JkZXJfaWQsbmFtZQ0KQS0xLFpvw6sNCusrjgk=', 'base64')

describe('an archive', () => {
  test('of gzip is read, with all its members', async () => {
    const archive = Buffer.concat([gzipSync('order_id,name\r\n'), gzipSync(encode('latin1', 'A-1,Zoë\r\n'))])
    expect(await read(archive)).toMatchObject({ text: TEXT, encoding: 'windows-1252', compression: 'gzip' })
  })

  test('of zstd is read, with all its frames', async () => {
    const expected = { text: TEXT.repeat(3), encoding: 'utf-8', compression: 'zstd' }
    const skippable = Buffer.from('502a4d1802000000abcd', 'hex')
    expect(await read(Buffer.concat([skippable, ZSTD, skippable, ZSTD, ZSTD]))).toMatchObject(expected)
  })

  test('of 64 MB of one letter is read in blocks of half a megabyte', async () => {
    const { blocks } = await read(gzipSync(Buffer.alloc(64_000_000, 'x')))
    expect(Math.max(...blocks.map(({ length }) => length))).toBeLessThan(1_048_576)
    expect(blocks.reduce((sum, { length }) => sum + length, 0)).toBe(64_000_000)
  })

  test('is read in whole blocks, however it is compressed', async () => {
    const noise = Array.from({ length: 200_000 }, (_, index) => (index * 2_654_435_761) % 4_294_967_296).join()
    const { blocks, text } = await read(gzipSync(noise))
    expect(text).toBe(noise)
    expect(blocks.slice(0, -1).every(({ length }) => length >= 524_288)).toBe(true)
  })

  test.for([
    ['gzip', gzipSync(TEXT)],
    ['zstd', ZSTD],
  ] as const)('of %s that is cut anywhere is refused by its name', async ([kind, whole]) => {
    for (let length = 4; length < whole.length; length++) {
      await expect(read(whole.subarray(0, length)), String(length)).rejects.toMatchObject({
        code: 'archive_damaged',
        message: expect.stringMatching(`orders\\.csv is a ${kind} archive that ends too early`),
        exit: 2,
      })
    }
  })

  test('that is damaged is refused', async () => {
    const damaged = Buffer.concat([gzipSync(TEXT).subarray(0, -8), Buffer.alloc(8)])
    for (const bytes of [damaged, Buffer.concat([ZSTD, Buffer.from('more text after the archive')])]) {
      await expect(read(bytes)).rejects.toMatchObject({ code: 'archive_damaged', message: /is damaged/ })
    }
  })
})

describe('a file of another kind is named', () => {
  test.for([
    ['workbook', Buffer.from('PK\x03\x04\0\0[Content_Types].xml'), /Excel workbook \(\.xlsx\), not CSV/],
    ['workbook', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /Excel workbook \(\.xls\), not CSV/],
    ['workbook', gzipSync('PK\x03\x04\0\0xl/workbook.xml'), /Excel workbook \(\.xlsx\)/],
    ['zip_archive', Buffer.from('PK\x03\x04\0\0orders.csv'), /ZIP archive/],
    ['binary_file', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), /binary file/],
  ] as const)('%s: %s', async ([code, bytes, message]) => {
    await expect(read(bytes)).rejects.toMatchObject({ code, message, exit: 2 })
  })
})

test('peeking returns the start of what is left and consumes nothing', async () => {
  const bytes = Buffer.alloc(2_000_000, '0123456789')
  const file = join(folder, 'peek.csv')
  writeFileSync(file, bytes)
  const content = await openContent(file)
  const whole = await content.peek(3_000_000)
  expect(whole.equals(bytes)).toBe(true)
  const first = await content.next()
  expect(content.fraction).toBe(524_288 / 2_000_000)
  expect((await content.peek(1)).equals(bytes.subarray(524_288))).toBe(true)
  expect(first?.equals(bytes.subarray(0, 524_288))).toBe(true)
  await content.close()
})
