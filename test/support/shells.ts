// The shells that are installed here, at their prompt in a terminal.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from '@lydell/node-pty'
import Headless from '@xterm/headless'
import { expect } from 'vitest'
import type { Shell } from '../../src/command-line/completion-shells.js'
import { BINARY } from './cli.js'

export function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ['--version']).status === 0
}

const PROMPT = 'READY> '

/** How each shell starts with its prompt and the script. `folder` is its home. */
const STARTS: Record<Shell, (script: string, folder: string) => string[]> = {
  bash(script, folder) {
    writeFileSync(join(folder, '.rc'), `PS1='${PROMPT}'\n${script}`)
    return ['--noprofile', '--rcfile', join(folder, '.rc'), '-i']
  },
  zsh(script, folder) {
    const setup = `PS1='${PROMPT}'; autoload -Uz compinit && compinit -u -D`
    writeFileSync(join(folder, '.zshrc'), `${setup}\n${script}`)
    return ['-d', '-i']
  },
  fish(script) {
    const setup = `function fish_prompt; echo -n '${PROMPT}'; end; set -g fish_autosuggestion_enabled 0`
    return ['--no-config', '-i', '-C', `${setup}\n${script}`]
  },
}

/** Starts the shell with the script of `autocomplete`, and an `orderctl` in PATH. */
export async function startShell(shell: Shell, script: string, folder: string) {
  const programs = join(folder, '.bin')
  mkdirSync(programs)
  writeFileSync(join(programs, 'orderctl'), `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`, { mode: 0o755 })
  const terminal = new Headless.Terminal({ cols: 160, rows: 40, allowProposedApi: true })
  const pty = spawn(shell, STARTS[shell](script, folder), {
    name: 'xterm',
    cols: 160,
    rows: 40,
    cwd: folder,
    env: { HOME: folder, PATH: `${programs}:${process.env['PATH']}` },
  })
  pty.onData((text) => terminal.write(text))
  terminal.onData((answer) => pty.write(answer))
  const line = () => {
    const { active } = terminal.buffer
    return (
      active
        .getLine(active.baseY + active.cursorY)
        ?.translateToString()
        .trimEnd() ?? ''
    )
  }
  await expect.poll(line).toBe(PROMPT.trim())
  return {
    /** Waits until the command line is `expected`, after the keys were typed into an empty one. */
    async expectLine(keys: string, expected: string): Promise<void> {
      pty.write(`\x15${keys}`)
      await expect.poll(() => line().replace(PROMPT, ''), { message: keys }).toBe(expected)
    },
    close: () => pty.kill('SIGKILL'),
  }
}
