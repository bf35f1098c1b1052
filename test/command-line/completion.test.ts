import { resolve } from 'node:path'
import { Config } from '@oclif/core'
import { describe, expect, test } from 'vitest'
import { propose } from '../../src/command-line/completion.js'

const config = await Config.load({ root: resolve(import.meta.dirname, '../..') })

/** What is typed after `orderctl`, and the words that are proposed, sorted. */
const PROPOSALS: readonly (readonly [line: string, words: string])[] = [
  ['fai', 'failed'],
  ['failed ', 'clear list retry'],
  ['failed re', 'retry'],
  ['failed list --s', '--since --sku --source'],
  ['failed list --reason ', 'declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason=de', '--reason=declined'],
  ['failed list --reason = ', 'declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason = de', 'declined'],
  ['failed list --reason =', 'declined expired out_of_stock payment_unknown poison'],
  ['failed list --reason declined --sou', '--source'],
  ['failed list --reason=declined --sou', '--source'],
  // A value that looks like a command.
  ['failed list --source failed --rea', '--reason'],
  ['--json failed', ''],
  ['orders list --status ro', 'rolled_back'],
  ['status --format ', 'prom table'],
  ['import --on-error ', 'abort skip'],
  // A command and a topic at once.
  ['schedule ', 'list run'],
  ['schedule run ', 'alarms kpis leaderboards reservations snapshots'],
  ['rebuild l', 'leaderboard'],
  ['rebuild all --ch', '--check'],
  ['autocomplete ', 'bash fish zsh'],
  // Hidden.
  ['comple', ''],
  ['--he', '--help'],
  // Anything may stand here, and it is not a file.
  ['failed list --source o', ''],
  ['orders show o', ''],
  ['orders show --', '--help --json --log-format --source'],
  ['orders show -- --', ''],
  ['import o', ':files'],
  ['import --rejects o', ':files'],
  ['import --rejects=o', ':files'],
  ['import orders.csv --source web --on-error=', '--on-error=abort --on-error=skip'],
  ['products import ', ':files'],
]

describe('completion', () => {
  test.each(PROPOSALS)('orderctl %s', (line, expected) => {
    const words = propose(config, line.split(' ')).map((text) => text.replace(/\t.*/, ''))
    expect(words.sort().join(' ')).toBe(expected)
  })

  test('proposes every flag of every command, and describes it in a line', () => {
    for (const { id, flags } of config.commands.filter(({ hidden }) => !hidden)) {
      const lines = propose(config, [...id.split(':'), '--'])
      const names = lines.map((line) => /^--(\S+)\t\w.*$/.exec(line)?.[1])
      expect([id, ...names]).toEqual([id, ...Object.keys(flags), 'help'])
    }
  })

  test('describes topics and commands', () => {
    expect(propose(config, ['que'])).toEqual(['queue\tpause, resume or empty the queue'])
    expect(propose(config, ['kpis', 'd'])).toEqual(['daily\tShow revenue, orders and customers of one day'])
  })
})
