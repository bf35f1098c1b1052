// The shells that are installed here, and what each proposes at a press of Tab.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IPty, spawn } from '@lydell/node-pty'
import { vi } from 'vitest'

export function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0
}

const PATIENTLY = { timeout: 240_000, interval: 20 }

/** A shell that has read a completion script, in a folder of the test. */
interface CompletingShell {
  /** The words that it proposes for the last one of the line. */
  propose(line: string): Promise<string[]>
  close(): void
}

/** @param script of a program that is called `program` */
export async function startShell(shell: string, script: string, folder: string, program = 'orderctl') {
  const file = join(folder, `script.${shell}`)
  writeFileSync(file, script)
  const start = { bash: startBash, fish: startFish, zsh: startZsh }[shell]
  if (!start) throw new Error(`no test knows the shell ${shell}`)
  return start(file, folder, program)
}

/** Without Readline: its words are given, cut where it would cut them. */
function startBash(file: string, folder: string, program: string): CompletingShell {
  const ask = `set -u; source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${program}
    printf '%s\\n' \${COMPREPLY[@]+"\${COMPREPLY[@]}"}`
  return {
    async propose(line) {
      const words = line.split(/ +|(?<==)|(?==)/)
      return run('bash', ['--norc', '--noprofile', '-c', ask, 'bash', file, ...words], folder)
    },
    close: () => undefined,
  }
}

function startFish(file: string, folder: string): CompletingShell {
  return {
    async propose(line) {
      const answers = run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line], folder)
      // What is proposed, a tab, and what it is.
      const words = answers.map((answer) => answer.split('\t')[0] ?? '')
      // Where --flag=value is typed, fish proposes all of it.
      return words.map((word) => word.replace(/^--[\w-]+=/, ''))
    },
    close: () => undefined,
  }
}

function run(shell: string, args: readonly string[], folder: string): string[] {
  const { stdout, stderr, status } = spawnSync(shell, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, HOME: folder },
  })
  if (status !== 0 && shell === 'bash') throw new Error(`bash: ${stderr}`)
  if (stderr !== '') throw new Error(`${shell} says: ${stderr}`)
  return stdout.split('\n').filter((text) => text !== '')
}

/** zsh completes nowhere but at its prompt. There, what it would propose is written into a file. */
async function startZsh(file: string, folder: string): Promise<CompletingShell> {
  const proposed = join(folder, 'proposed')
  const setup = join(folder, 'setup.zsh')
  writeFileSync(
    setup,
    `autoload -Uz compinit && compinit -D
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
    async propose(line) {
      rmSync(proposed, { force: true })
      // From the beginning of an empty line.
      terminal.type(`\x15${line}\t`)
      const whole = await vi.waitFor(() => {
        const text = existsSync(proposed) ? readFileSync(proposed, 'utf8') : ''
        if (!text.endsWith('END\n')) throw new Error(`zsh has not proposed anything for "${line}" yet`)
        return text
      }, PATIENTLY)
      return whole.split('\n').filter((word) => word !== '' && word !== 'END')
    },
    close: () => terminal.close(),
  }
}

/** A shell at a prompt. */
export function openTerminal(shell: string, args: readonly string[], folder: string) {
  const terminal: IPty = spawn(shell, [...args], {
    cols: 160,
    cwd: folder,
    env: { ...process.env, HOME: folder, PS1: '> ', TERM: 'xterm' },
  })
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
