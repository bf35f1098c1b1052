// `npm run simulate`, as a person runs it.
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

export interface Simulated {
  readonly code: number
  readonly stdout: string
}

/** @param broken the guard that the simulated code lacks; see breaks.js */
export function simulate(args: readonly string[], broken = ''): Promise<Simulated> {
  const environment = { ...process.env, BREAK: broken }
  const options = { cwd: ROOT, env: environment, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((done) => {
    execFile('npm', ['run', '--silent', 'simulate', '--', ...args], options, (error, stdout, stderr) => {
      done({ code: error ? 1 : 0, stdout: error && stdout === '' ? stderr : stdout })
    })
  })
}
