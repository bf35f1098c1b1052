// Plain English (CONTRIBUTING.md): words that a reader has to decode do not come back, and comments stay readable.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** Each with what to write. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/(?<!\bon[ _-])\bhands?\b(?! over)/i, 'in progress, claimed, manually'],
  [/\btold\b/i, 'notified, reported, set'],
  [/\bnobody\b/i, 'no one, or the subject itself'],
  [/\bwhoever\b/i, 'the process that, anyone who'],
  [/\banew\b/i, 'again'],
  [/\bof late\b/i, 'recently'],
  [/\bstray\b/i, 'orphaned, leftover'],
  [/\bdear\b/i, 'expensive'],
  [/\bbeside\b/i, 'next to, while, in addition to'],
  [/\b(come|comes|came) upon\b/i, 'find, meet'],
  [/\b(stand|stands|stood) still\b/i, 'stop, be idle'],
  [/\b(tell|tells|told) of\b/i, 'report'],
  [/\bsave that\b/i, 'except that'],
  [/\bso long as\b/i, 'while'],
  [/\bmend(s|ed|ing)?\b/i, 'fix, repair'],
  [/\b(put|puts|putting) right\b/i, 'fix, repair'],
  [/\bby the clock\b/i, 'scheduled'],
  [/\bunder way\b/i, 'in progress'],
]

const files = (...paths: string[]) =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...paths], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !/\.(svg|png)$/.test(file))

function linesThat(paths: readonly string[], matches: (line: string) => string | undefined): string[] {
  return paths.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => {
        const found = matches(line)
        return found === undefined ? [] : [`${file}:${index + 1}: ${found}`]
      }),
  )
}

test('texts use the words of the field', () => {
  const texts = files('src', 'bin', 'docs', 'bench', 'test/**/*.snap', '*.md', 'package.json')
  const found = linesThat(texts, (line) => {
    const [word, better] = REPLACED.find(([pattern]) => pattern.test(line)) ?? []
    return word && `"${word.exec(line)?.[0]}": write ${better}`
  })
  expect(found).toEqual([])
})

test('comments fit 120 columns and begin with their subject', () => {
  const found = linesThat(
    files('src', 'test', 'bin', 'bench').filter((file) => /\.[jt]s$/.test(file)),
    (line) => {
      if (!/^\s*(\/\/|\/?\*)/.test(line)) return undefined
      if (line.length > 120) return `${line.length} columns`
      return /^\s*(\/\/|\/?\*+) Of\b/.test(line) ? 'begins with "Of"' : undefined
    },
  )
  expect(found).toEqual([])
})
