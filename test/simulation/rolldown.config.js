// Bundles the simulation with the code of src that it runs.
import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const outside = Object.keys(dependencies).filter((name) => name !== 'kysely')

export default defineConfig({
  input: 'test/simulation/simulate.ts',
  platform: 'node',
  external: (id) => outside.some((name) => id === name || id.startsWith(`${name}/`)),
  // Inside node_modules, so that the packages outside are found.
  output: { dir: 'node_modules/.cache/orderctl-simulation', cleanDir: true, sourcemap: true },
  logLevel: 'warn',
})
