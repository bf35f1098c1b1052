// Bundles the simulation with the code of src that it runs, or with a broken copy of it (see breaks.js).
import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'
import { breaking } from './breaks.js'

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const outside = Object.keys(dependencies).filter((name) => name !== 'kysely')
const broken = process.env.BREAK

export default defineConfig({
  input: 'test/simulation/simulate.ts',
  platform: 'node',
  external: (id) => outside.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: broken ? [breaking(broken)] : [],
  // Inside node_modules, so that the packages outside are found.
  output: { dir: `node_modules/.cache/orderctl-simulation${broken ? `-${broken}` : ''}`, sourcemap: true },
  logLevel: 'silent',
})
