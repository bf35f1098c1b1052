// Which words the shells propose, by what was typed so far.
import { resolve } from 'node:path'
import { Config } from '@oclif/core'
import { describe, expect, test } from 'vitest'
import { propose } from '../../src/command-line/completion.js'

const config = await Config.load({ root: resolve(import.meta.dirname, '../..') })

/** What is typed after `orderctl`, and the words that are proposed, sorted. */
const PROPOSALS: readonly (readonly [line: string, words: string])[] = [
  ['fai', 'failed'],
  ['failed ', 'clear list resolve retry'],
  ['failed re', 'resolve retry'],
  ['failed list --s', '--since --sku --source'],
  ['failed list --reason ', 'cancelled declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason=de', '--reason=declined'],
  ['failed list --reason = ', 'cancelled declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason = de', 'declined'],
  ['failed list --reason =', 'cancelled declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason declined --sou', '--source'],
  // A value that looks like a command.
  ['failed list --source failed --rea', '--reason'],
  ['--json failed', ''],
  ['import --on-error ', 'abort skip'],
  // Both a command and a topic.
  ['schedule ', 'list run'],
  ['schedule run ', 'alarms kpis leaderboards refunds reservations snapshots'],
  ['rebuild all --ch', '--check'],
  // Hidden.
  ['comple', ''],
  ['--he', '--help'],
  // Any text but a file.
  ['failed list --source o', ''],
  ['orders show o', ''],
  ['orders show --', '--help --json --log-format --source --verbose'],
  ['orders show -- --', ''],
  ['import ', ':files'],
  ['import o', ':files'],
  ['import u', 'undo'],
  ['import orders.csv o', ':files'],
  ['import --rejects o', ':files'],
  ['import --rejects=o', ':files'],
  ['import orders.csv --source web --on-error=', '--on-error=abort --on-error=skip'],
  ['products import ', ':files'],
]

describe('completion', () => {
  test.each(PROPOSALS)('orderctl %s proposes %s', (line, expected) => {
    const words = propose(config, line.split(' ')).map((text) => text.replace(/\t.*/, ''))
    expect(words.sort().join(' ')).toBe(expected)
  })

  test('proposes every flag of every command, with a description of one line', () => {
    for (const { id, flags } of config.commands.filter(({ hidden }) => !hidden)) {
      const lines = propose(config, [...id.split(':'), '--'])
      const names = lines.map((line) => /^--(\S+)\t\w.*$/.exec(line)?.[1])
      expect([id, ...names]).toEqual([id, ...Object.keys(flags), 'help'])
    }
  })

  test('describes topics and commands', () => {
    expect(propose(config, ['que'])).toEqual([expect.stringMatching(/^queue\t\w.*$/)])
    expect(propose(config, ['kpis', 'd'])).toEqual([expect.stringMatching(/^daily\t\w.*$/)])
  })
})
