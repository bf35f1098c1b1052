// The build: src/ -> dist/, an entry for each command and each thread, and oclif.manifest.json. kysely and bullmq go in,
// because loading their hundreds of modules takes longer than most commands do; other packages stay outside.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Plugin } from '@oclif/core'
import { defineConfig } from 'rolldown'

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const outside = Object.keys(dependencies).filter((name) => !['kysely', 'bullmq'].includes(name))
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
  external: (id) => outside.some((name) => id === name || id.startsWith(`${name}/`)),
  output: {
    dir: 'dist',
    cleanDir: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    chunkFileNames: 'shared/[name]-[hash].js',
  },
  logLevel: 'warn',
  plugins: [{ name: 'manifest', closeBundle: writeManifest }],
})

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
