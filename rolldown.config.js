// The build: src/ -> dist/, an entry for each command and each thread, and oclif.manifest.json. Packages that most
// commands need go in, since a start loads few files faster than hundreds (docs/performance.md).
import { readdirSync, writeFileSync } from 'node:fs'
import { Plugin } from '@oclif/core'
import { defineConfig } from 'rolldown'

/** Stay outside: clients of servers, what few commands need, and SQLite, whose statements tests make fail. */
const OUTSIDE = [
  'better-sqlite3',
  'iconv-lite',
  'ioredis',
  'mysql2',
  'node-cron',
  'ora',
  'pg',
  'piscina',
  'rabbitmq-client',
  'string-width',
  'undici',
  'wrap-ansi',
  'zod',
]
/** What oclif uses to find plugins and commands, to animate waiting, and to tell Linux in Windows from others. */
const UNUSED =
  /(?:require|import)\(["'](?:cli-spinners|lilconfig|minimatch|semver|tinyglobby|typescript|wsl-utils)["']\)/g
/** What commands and threads share, so that no thread loads oclif, and the reader of an import no database. */
const CORE = new RegExp(
  [
    'src.(background|errors|terminal.text)\\.ts',
    'src.(config|domain).(?!ids|lease-end|order-digest|shell)[\\w-]+\\.ts',
    'src.database.(packed-rows|statistics)\\.ts',
    'node_modules.csv-stringify',
  ].join('|'),
)
/** What the threads never use. Loading it in each took 40 ms, and 20 MB for the reader. */
const NOT_IN_THREADS = { 'workflow/thread': 'oclif', 'import/reader-thread': 'better-sqlite3' }
const commands = readdirSync('src/commands', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)
const entries = [
  ...commands.map((file) => `commands/${file.replaceAll('\\', '/').slice(0, -'.ts'.length)}`),
  'command-line/help',
  'command-line/main',
  'import/reader-thread',
  'workflow/thread',
  // Tests replace its answers.
  'payments/simulated',
]

export default defineConfig({
  input: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  // oclif has releases of its own of some packages. BullMQ shares ours.
  external: (id, importer = '') =>
    !/node_modules.(?!bullmq)/.test(importer) && OUTSIDE.some((name) => id === name || id.startsWith(`${name}/`)),
  output: {
    dir: 'dist',
    cleanDir: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // Names are kept: bullmq names its errors after their classes.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    chunkFileNames: 'shared/[name]-[hash].js',
    // What commands and threads load, what every command loads, or with a database, and what most reports load.
    codeSplitting: {
      groups: [
        { name: 'core', test: CORE, priority: 4 },
        { name: 'oclif', test: /node_modules.@oclif/, priority: 3 },
        { name: 'base', test: /src.command-line.(base-command|selection-flags)\.ts/, priority: 2 },
        { name: 'database', test: /src.(app|workflow.(order-counts|sales))\.ts/, priority: 1 },
        { name: 'reports', test: /src.(reports.kpis|command-line.kpi-columns)\.ts/ },
      ],
    },
  },
  logLevel: 'warn',
  plugins: [
    { name: 'oclif', transform: { filter: { id: /node_modules.@oclif.core.lib/ }, handler: requireLazily } },
    { name: 'stdout', transform: { filter: { id: /@oclif.core.lib.command\.js/ }, handler: leaveStdoutAlone } },
    { name: 'spinner', transform: { filter: { id: /@oclif.core.lib.ux.index\.js/ }, handler: leaveOutSpinner } },
    { name: 'threads', generateBundle: (_, bundle) => checkThreads(Object.values(bundle)) },
    { name: 'manifest', closeBundle: writeManifest },
  ],
})

/** Makes modules of oclif load others when they are first used. Lines stay where they are, for stack traces. */
function requireLazily(code) {
  const required = /^(?:const|var) (\w+_\d+) = (.*require\("[^"]+"\).*);$/gm
  const names = [...code.matchAll(required)].map(([, name]) => name)
  const lazy = code
    .replace(/\b\w+_\d+\b(?! = )/g, (name) => (names.includes(name) ? `(${name}())` : name))
    .replace(required, 'let $$$1; const $1 = () => $$$1 ??= $2;')
  return { code: lazy.replace(UNUSED, '({})'), map: null }
}

/** oclif throws errors of stdout, also next to a listener that reports them: see `guardOutput` in main.ts. */
function leaveStdoutAlone(code) {
  return { code: replaceIn(code, "process.stdout.on('error',", 'void ('), map: null }
}

/** On a terminal, oclif's help creates a spinner that nothing uses, and its frames are not in the build. */
function leaveOutSpinner(code) {
  return { code: replaceIn(code, 'process.stderr.isTTY', 'false'), map: null }
}

function replaceIn(code, text, replacement) {
  if (!code.includes(text)) throw new Error(`oclif no longer has ${text}. Remove its replacement.`)
  return code.replace(text, replacement)
}

/** Fails if a thread would load what it never uses, since a chunk that it shares imports it. */
function checkThreads(chunks) {
  const chunkOf = (file) => chunks.find(({ fileName }) => fileName === file)
  const loadedBy = (file, found = new Set()) => {
    if (!found.has(file)) for (const each of chunkOf(file)?.imports ?? []) loadedBy(each, found.add(file))
    return found.add(file)
  }
  for (const [thread, unused] of Object.entries(NOT_IN_THREADS)) {
    const name = [...loadedBy(`${thread}.js`)].find((file) => file.includes(unused))
    if (name) throw new Error(`${thread} loads ${name}. Move what they share to CORE.`)
  }
}

/** oclif lists commands as the file system does; sorted, the file is the same on every machine. */
async function writeManifest() {
  const plugin = new Plugin({ root: process.cwd(), type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  const commands = Object.entries(plugin.manifest.commands).sort(([one], [other]) => (one < other ? -1 : 1))
  writeFileSync(
    'oclif.manifest.json',
    `${JSON.stringify({ commands: Object.fromEntries(commands), version: plugin.version }, null, 2)}\n`,
  )
}
