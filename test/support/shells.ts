// The shells that are installed here, and what each proposes at a press of Tab.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IPty, spawn } from '@lydell/node-pty'
import { vi } from 'vitest'
import { BINARY } from './workplace.js'

export { SHELLS } from '../../src/command-line/completion-shells.js'

export function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0
}

const PATIENTLY = { timeout: 240_000, interval: 20 }

/** A shell that has read a completion script, in a folder of the test. */
interface CompletingShell {
  /** The words that it proposes for the last one of the line; of `--flag=value`, the value. */
  propose(line: string): Promise<string[]>
  close(): void
}

export async function startShell(shell: 'bash' | 'zsh' | 'fish', script: string, folder: string) {
  const file = join(folder, `script.${shell}`)
  writeFileSync(file, script)
  return { bash: startBash, fish: startFish, zsh: startZsh }[shell](file, folder)
}

/** Without Readline: gets its words, cut where Readline would cut them. */
function startBash(file: string, folder: string): CompletingShell {
  const ask = `set -u; source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _orderctl
    printf '%s\\n' \${COMPREPLY[@]+"\${COMPREPLY[@]}"}`
  return {
    propose: async (line) => {
      const words = line.split(/ +|(?<==)|(?==)/)
      return run('bash', ['--norc', '--noprofile', '-c', ask, 'bash', file, ...words], folder)
    },
    close: () => undefined,
  }
}

function startFish(file: string, folder: string): CompletingShell {
  return {
    propose: async (line) => {
      const answers = run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line], folder)
      // A word, a tab and its description.
      return answers.map((answer) => answer.replace(/\t.*$/, '').replace(/^--[\w-]+=/, ''))
    },
    close: () => undefined,
  }
}

function run(shell: string, args: readonly string[], folder: string): string[] {
  const { stdout, stderr } = spawnSync(shell, args, { cwd: folder, encoding: 'utf8', env: environmentIn(folder) })
  if (stderr !== '') throw new Error(`${shell}: ${stderr}`)
  return stdout.split('\n').filter((text) => text !== '')
}

/** zsh completes only at its prompt. There, its proposals are written into a file. */
async function startZsh(file: string, folder: string): Promise<CompletingShell> {
  const proposed = join(folder, 'proposed')
  const setup = join(folder, 'setup.zsh')
  writeFileSync(
    setup,
    `autoload -Uz compinit && compinit -u -D
source ${file}
compadd() {
  if (( ! \${@[(I)-[OAD]*]} )); then
    local -a __hits
    builtin compadd -O __hits "$@"
    print -rl -- $__hits >> ${proposed}
  fi
  builtin compadd "$@"
}
__capture() { _main_complete; compstate[insert]= compstate[list]=; print END >> ${proposed} }
zle -C __capture complete-word __capture
bindkey '^I' __capture
print LOADED-$((1 + 1))
`,
  )
  const terminal = openTerminal('zsh', ['-f', '-i'], folder)
  terminal.type(`source ${setup}\r`)
  await terminal.saw('LOADED-2')
  return {
    propose: async (line) => {
      rmSync(proposed, { force: true })
      // From the beginning of an empty line.
      terminal.type(`\x15${line}\t`)
      const whole = await vi.waitFor(() => {
        const text = existsSync(proposed) ? readFileSync(proposed, 'utf8') : ''
        if (!text.endsWith('END\n')) throw new Error(`zsh has not proposed anything for "${line}" yet`)
        return text
      }, PATIENTLY)
      const words = whole.split('\n').filter((word) => word !== '' && word !== 'END')
      return words.map((word) => word.replace(/^--[\w-]+=/, ''))
    },
    close: () => terminal.close(),
  }
}

/** With an `orderctl` in PATH. */
function environmentIn(folder: string): Record<string, string> {
  const programs = join(folder, 'bin')
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(programs, 'orderctl'), `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`, { mode: 0o755 })
  return { HOME: folder, PATH: `${programs}:${process.env['PATH']}`, PS1: '> ', TERM: 'xterm' }
}

/** A shell at a prompt. */
export function openTerminal(shell: string, args: readonly string[], folder: string) {
  const terminal: IPty = spawn(shell, [...args], { cols: 160, cwd: folder, env: environmentIn(folder) })
  let screen = ''
  terminal.onData((text) => {
    screen += text
  })
  return {
    type: (text: string) => terminal.write(text),
    saw: (text: string) =>
      vi.waitFor(() => {
        if (!screen.includes(text)) throw new Error(`${shell} has not shown "${text}": ${JSON.stringify(screen)}`)
      }, PATIENTLY),
    close: () => terminal.kill('SIGKILL'),
  }
}
