// Runs a program and measures it from outside: wall time, CPU time and peak memory.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('../bin/run.js', import.meta.url))

/**
 * Runs Node in an environment that holds nothing of the user's configuration.
 *
 * @returns the wall time in seconds, the peak memory in bytes (on Linux; otherwise undefined), and what it printed
 */
export function runNode(args, { environment = {}, folder }) {
  return new Promise((resolve, reject) => {
    const own = { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
    const began = performance.now()
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...own, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr']) child[stream].on('data', (data) => (output[stream] += data))
    let peak
    const timer = setInterval(() => (peak = peakMemory(child.pid) ?? peak), 20)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      const seconds = (performance.now() - began) / 1000
      if (code === 0) resolve({ seconds, peak, stdout: output.stdout })
      else reject(new Error(`${args.join(' ')} exited with ${code}: ${output.stderr || output.stdout}`))
    })
  })
}

/** Runs a command of orderctl. */
export function orderctl(scene, ...args) {
  return runNode([binary, ...args], scene)
}

/** The same with --json. Adds the document as `result`. */
export async function orderctlJson(scene, ...args) {
  const ended = await orderctl(scene, ...args, '--json')
  return { ...ended, result: JSON.parse(ended.stdout) }
}

/**
 * The CPU time of this process and of the children that have ended, in seconds. Undefined where the system does not
 * report that of children.
 */
export function cpuSeconds() {
  const { user, system } = process.cpuUsage()
  const fields = readOrUndefined('/proc/self/stat')?.split(') ')[1].split(' ')
  // cutime and cstime, in ticks of 10 ms.
  return fields && (user + system) / 1e6 + (Number(fields[13]) + Number(fields[14])) / 100
}

function peakMemory(pid) {
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readOrUndefined(`/proc/${pid}/status`) ?? '')?.[1]
  return kilobytes && Number(kilobytes) * 1024
}

function readOrUndefined(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
