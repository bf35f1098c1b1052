import { Args } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { SCRIPTS, SHELLS, type Shell } from '../command-line/completion-shells.js'

/** Where each shell looks for the script. */
const PLACES: Readonly<Record<Shell, string>> = {
  bash: '~/.local/share/bash-completion/completions/orderctl',
  zsh: '~/.zfunc/_orderctl',
  fish: '~/.config/fish/completions/orderctl.fish',
}

export default class Autocomplete extends BaseCommand {
  static override summary = 'Print the script that completes commands at the Tab key'
  static override description =
    `Completes commands, flags, their values, tasks and files. The script asks the orderctl in PATH at each press of Tab, so an update of orderctl needs no new script.

Write it to the file named below, whose folder has to exist, and start a new shell.
bash needs the package bash-completion for that; without it, source the file in ~/.bashrc.
zsh needs a line in ~/.zshrc before compinit: fpath=(~/.zfunc $fpath)`
  static override examples = SHELLS.map((shell) => `orderctl autocomplete ${shell} > ${PLACES[shell]}`)
  static override args = {
    shell: Args.option({ options: SHELLS })({ required: true, description: 'the shell' }),
  }

  async run(): Promise<{ shell: Shell; script: string }> {
    const { shell } = (await this.parse(Autocomplete)).args
    const script = SCRIPTS[shell]
    if (!this.jsonEnabled()) this.host.stdout.write(script)
    const isShown = this.host.stdout.isTTY
    if (isShown) this.note(`\nThis is the script. To install it: orderctl autocomplete ${shell} > ${PLACES[shell]}`)
    return { shell, script }
  }
}
