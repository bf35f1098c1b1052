// `autocomplete`: the script by which a shell completes the command line.
import { basename } from 'node:path'
import { Args } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { completionData } from '../command-line/completion-data.js'
import { usageError } from '../errors.js'
import type { Completion } from '../terminal/completion.js'
import { bashCompletion } from '../terminal/completion-bash.js'
import { fishCompletion } from '../terminal/completion-fish.js'
import { zshCompletion } from '../terminal/completion-zsh.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

const SCRIPTS: Readonly<Record<Shell, (completion: Completion) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

const INSTALL: Readonly<Record<Shell, string>> = {
  bash: `  mkdir -p ~/.local/share/bash-completion/completions
  orderctl autocomplete bash > ~/.local/share/bash-completion/completions/orderctl
Without the package bash-completion, source that file in your ~/.bashrc.`,
  zsh: `  mkdir -p ~/.zfunc
  orderctl autocomplete zsh > ~/.zfunc/_orderctl
and in your ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)`,
  fish: `  mkdir -p ~/.config/fish/completions
  orderctl autocomplete fish > ~/.config/fish/completions/orderctl.fish`,
}

export interface AutocompleteResult {
  shell: Shell
  script: string
}

export default class Autocomplete extends BaseCommand {
  static override summary = 'Print the script that completes commands at the Tab key'
  static override description =
    `Completes commands, flags, their values, tasks and files. The script is of this release and starts nothing: write it anew after an update. A new shell then has it.

For bash:
${INSTALL.bash}

For zsh:
${INSTALL.zsh}

For fish:
${INSTALL.fish}`

  static override examples = [
    '<%= config.bin %> autocomplete bash > ~/.local/share/bash-completion/completions/orderctl',
    '<%= config.bin %> autocomplete zsh > ~/.zfunc/_orderctl',
    '<%= config.bin %> autocomplete fish > ~/.config/fish/completions/orderctl.fish',
  ]

  static override args = {
    shell: Args.option({ options: SHELLS, description: 'the shell; your login shell where it is left out' })(),
  }

  async run(): Promise<AutocompleteResult> {
    const { args } = await this.parse(Autocomplete)
    const shell = args.shell ?? loginShell(this.host.environment['SHELL'])
    const script = SCRIPTS[shell](completionData(this.config))
    if (!this.jsonEnabled()) this.host.stdout.write(script)
    if (this.host.stdout.isTTY) this.note(`\nThis is the script. To install it:\n${INSTALL[shell]}`)
    return { shell, script }
  }
}

function loginShell(path: string | undefined): Shell {
  const shell = SHELLS.find((known) => known === basename(path ?? ''))
  if (shell) return shell
  throw usageError({
    code: 'unknown_shell',
    message: `Which shell to complete for was not said, and ${path ? `yours (${path}) is none of the three` : 'SHELL is not set'}.`,
    fix: `Name it: orderctl autocomplete ${SHELLS.join(', or ')}.`,
  })
}
