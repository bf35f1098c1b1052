// The real binary in a real pseudo-terminal, started from a shell as a person would, and what such a terminal shows.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IPty, spawn } from '@lydell/node-pty'
import Headless from '@xterm/headless'
import { BINARY } from './cli.js'
import type { Shop } from './shop.js'
import { until } from './until.js'

const SHOW_CURSOR = '\u001b[?25h'
const HIDE_CURSOR = '\u001b[?25l'

// The shell writes down the terminal's modes before and after, the terminal's device, and the id of the process. It
// ends once everything was read: what a terminal has not given by the end of its last process may be lost.
const SCRIPT = `rm -f was-read; tty >tty; stty -g >modes-before
sh -c 'echo $$ >pid; exec "$@"' sh "$@"
code=$?
stty -g >modes-after
echo "left with $code"
until [ -e was-read ]; do sleep 0.02; done
exit $code`

interface TerminalOptions {
  readonly columns: number
  readonly rows: number
  readonly environment?: Record<string, string>
  /** What is started in place of the binary. */
  readonly program?: readonly string[]
}

export class PseudoTerminal {
  readonly ended: Promise<number>
  /** Everything written to it, with escape sequences. */
  written = ''
  readonly #shop: Shop
  readonly #terminal: Headless.Terminal
  readonly #pty: IPty
  #hasEnded = false

  constructor(shop: Shop, options: TerminalOptions, ...args: string[]) {
    const { columns, rows, environment = {}, program = [process.execPath, BINARY] } = options
    this.#shop = shop
    this.#terminal = new Headless.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#pty = spawn('sh', ['-c', SCRIPT, 'sh', ...program, ...args], {
      name: environment['TERM'] ?? 'xterm-256color',
      cols: columns,
      rows,
      cwd: shop.folder,
      env: { ...shop.environment, ...environment },
    })
    this.#pty.onData((data) => {
      this.written += data
      this.#terminal.write(data)
      if (/left with \d+\r?\n/.test(this.written)) writeFileSync(join(shop.folder, 'was-read'), '')
    })
    this.#terminal.onData((answer) => this.#pty.write(answer))
    this.ended = new Promise((done) => {
      this.#pty.onExit(({ exitCode }) => {
        this.#hasEnded = true
        done(exitCode)
      })
    })
  }

  /** What the screen shows, without the spaces at the ends of lines. */
  get screen(): string {
    return Array.from({ length: this.#terminal.rows }, (_, row) => this.#lineAt(row))
      .join('\n')
      .trimEnd()
  }

  /** The line with the cursor. */
  get line(): string {
    return this.#lineAt(this.#terminal.buffer.active.cursorY)
  }

  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }

  get showsCursor(): boolean {
    return this.written.lastIndexOf(SHOW_CURSOR) >= this.written.lastIndexOf(HIDE_CURSOR)
  }

  get wrapsLines(): boolean {
    return this.#terminal.modes.wraparoundMode
  }

  /** Whether each key goes to the program at once, without line editing. */
  get isRaw(): boolean {
    const modes = execFileSync('sh', ['-c', `stty -a <${this.#read('tty')}`]).toString()
    return modes.includes('-icanon')
  }

  /** The terminal's modes before and after the binary ran. */
  get modes(): { before: string; after: string } {
    return { before: this.#read('modes-before'), after: this.#read('modes-after') }
  }

  /** The id of the binary's process. */
  get pid(): number {
    return Number(this.#read('pid'))
  }

  type(keys: string): void {
    this.#pty.write(keys)
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows)
    this.#pty.resize(columns, rows)
  }

  async shows(wanted: (screen: string) => boolean): Promise<void> {
    await until(() => wanted(this.screen)).catch((error: unknown) => {
      throw new Error(`the screen is:\n${this.screen}`, { cause: error })
    })
  }

  /** The exit code, once the shell has shown it. */
  async left(): Promise<number> {
    const code = await this.ended
    await this.shows((screen) => screen.includes(`left with ${code}`))
    return code
  }

  /** @throws if the binary still runs, which is killed */
  async close(): Promise<void> {
    if (this.#hasEnded) return
    // Shell and binary are one group. A stopped binary does not end when its terminal does.
    process.kill(-this.#pty.pid, 'SIGKILL')
    await this.ended
    throw new Error('left running in the terminal')
  }

  #lineAt(row: number): string {
    const { active } = this.#terminal.buffer
    const line = active.getLine(active.viewportY + row)
    return (line?.translateToString(true) ?? '').trimEnd()
  }

  #read(file: string): string {
    return readFileSync(join(this.#shop.folder, file), 'utf8').trim()
  }
}

/** Runs a command in a terminal, and answers its question. */
export async function answerAtTerminal(shop: Shop, answer: string, ...args: string[]) {
  const terminal = new PseudoTerminal(shop, { columns: 120, rows: 40, environment: { NO_COLOR: '1' } }, ...args)
  await terminal.shows((screen) => screen.includes('[y/N]'))
  terminal.type(`${answer}\r`)
  return { code: await terminal.left(), screen: terminal.screen }
}
