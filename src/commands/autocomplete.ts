import { Args } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { SCRIPTS, SHELLS, type Shell } from '../command-line/completion-shells.js'

/** The file from which each shell loads the script. */
const PLACES: Readonly<Record<Shell, string>> = {
  bash: '~/.local/share/bash-completion/completions/orderctl',
  zsh: '~/.zfunc/_orderctl',
  fish: '~/.config/fish/completions/orderctl.fish',
}

export default class Autocomplete extends BaseCommand {
  static override summary = 'Print a shell completion script'
  static override description =
    `Completes commands, flags, flag values, tasks and files. The script calls orderctl at each press of Tab, so it stays up to date when orderctl is updated.

To install it, write it to the file shown below (create the folder first) and start a new shell.
bash: install the package bash-completion, or source the file in ~/.bashrc.
zsh: add this line to ~/.zshrc before compinit: fpath=(~/.zfunc $fpath)`
  static override examples = SHELLS.map((shell) => `orderctl autocomplete ${shell} > ${PLACES[shell]}`)
  static override args = {
    shell: Args.option({ options: SHELLS })({ required: true, description: 'shell to complete in' }),
  }

  protected override readonly readsSettings = false

  async run(): Promise<{ shell: Shell; script: string }> {
    const { shell } = (await this.parse(Autocomplete)).args
    const script = SCRIPTS[shell]
    if (!this.jsonEnabled()) this.host.stdout.write(script)
    const isShown = this.host.stdout.isTTY
    if (isShown) this.note(`\nTo install this script: orderctl autocomplete ${shell} > ${PLACES[shell]}`)
    return { shell, script }
  }
}
