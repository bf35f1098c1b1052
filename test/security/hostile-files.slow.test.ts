// Files that would exhaust time or memory: each is read to its end, in bounded memory, and its lines are counted.
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { HEADER, line } from '../support/lines.js'
import { test } from '../support/shop.js'

const MEGABYTE = 1_048_576

/** A zstd frame of blocks that repeat one byte: four bytes of it become 128 KiB. */
function zstdBomb(head: string, blocks: number): Buffer {
  const raw = Buffer.from(head)
  const header = (size: number, type: number, isLast: boolean) => {
    const bytes = Buffer.alloc(3)
    bytes.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3)
    return bytes
  }
  const repeated = Array.from({ length: blocks }, (_, at) => [header(131_072, 1, at === blocks - 1), Buffer.from('0')])
  return Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), header(raw.length, 0, false), raw, ...repeated.flat()])
}

const wide = Array.from({ length: 2000 }, (_, at) => `,c${at}`).join('')

/** Prints the peak of the process's memory, in KiB, on stderr. Other figures include its parent's. */
const MEASURE = `import { readFileSync } from 'node:fs'
process.on('exit', () => process._rawDebug(/VmHWM.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]))`

test.for([
  [
    'a gzip bomb of 400 MB',
    () => gzipSync(Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.alloc(400 * MEGABYTE, '0')])),
    1,
  ],
  ['a zstd bomb of 400 MB', () => zstdBomb(`${HEADER}\n`, 3200), 1],
  ['a line of 50 MB', () => `${HEADER}\n${line().padEnd(50 * MEGABYTE, 'x')}\n`, 1],
  ['a quote that never closes', () => `${HEADER}\n"${'x,\n'.repeat(50_000)}`, undefined],
  ['quotes that open in each line and close in the next', () => `${HEADER}\n${'x","y\n'.repeat(200_000)}`, 200_000],
  ['the same in a file of 2,009 columns', () => `${HEADER}${wide}\n${'x","y\n'.repeat(20_000)}`, 20_000],
  ['100,000 columns', () => `${HEADER}${',x'.repeat(100_000)}\n${line()}\n`, undefined],
] as const)('%s', async ([, content, rejected], { shop, skip }) => {
  skip(process.platform !== 'linux', 'only Linux tells the peak of memory')
  const file = shop.file('orders.csv', content())
  const environment = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(MEASURE)}` }
  const { code, stdout, stderr } = await shop.start(environment, 'import', file, '--dry-run', '--json').ended
  expect([0, 2, 3], stderr).toContain(code)
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(stderr) ?? []
  expect(Number(peak) * 1024).toBeLessThan(500 * MEGABYTE)
  if (rejected !== undefined) expect(JSON.parse(stdout)).toMatchObject({ rejected, imported: 0 })
  expect(stderr).not.toContain('Unexpected error')
})
