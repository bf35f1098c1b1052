// The real binary in a real pseudo-terminal, started from a shell as a person would, and what such a terminal shows.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IPty, spawn } from '@lydell/node-pty'
import Headless from '@xterm/headless'
import { BINARY } from './cli.js'
import type { Shop } from './shop.js'

/** Machines are slow and busy. */
const PATIENCE_MS = 30_000

const SHOW_CURSOR = '\u001b[?25h'
const HIDE_CURSOR = '\u001b[?25l'

// The shell notes the terminal's modes before and after, and where the terminal and the process are.
const SCRIPT = `tty >tty; stty -g >modes-before
sh -c 'echo $$ >pid; exec "$@"' sh "$@"
code=$?
stty -g >modes-after
echo "left with $code"
exit $code`

interface TerminalOptions {
  readonly columns: number
  readonly rows: number
  readonly environment?: Record<string, string>
}

export class PseudoTerminal {
  readonly ended: Promise<number>
  readonly #shop: Shop
  readonly #terminal: Headless.Terminal
  readonly #pty: IPty
  readonly #watchers = new Set<() => void>()
  #written = ''
  #isOver = false

  constructor(shop: Shop, { columns, rows, environment = {} }: TerminalOptions, ...args: string[]) {
    this.#shop = shop
    this.#terminal = new Headless.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#pty = spawn('sh', ['-c', SCRIPT, 'sh', process.execPath, BINARY, ...args], {
      name: 'xterm-256color',
      cols: columns,
      rows,
      cwd: shop.folder,
      env: { ...shop.environment, ...environment },
    })
    this.#pty.onData((data) => {
      this.#written += data
      this.#terminal.write(data, () => {
        for (const look of this.#watchers) look()
      })
    })
    this.ended = new Promise((done) => {
      this.#pty.onExit(({ exitCode }) => {
        this.#isOver = true
        done(exitCode)
      })
    })
  }

  /** What is on the screen, without the spaces at the ends of lines. */
  get screen(): string {
    const buffer = this.#terminal.buffer.active
    const lines = Array.from({ length: this.#terminal.rows }, (_, row) =>
      buffer
        .getLine(buffer.viewportY + row)
        ?.translateToString(true)
        .trimEnd(),
    )
    return lines.join('\n').trimEnd()
  }

  /** Whether programs may draw all over it, which ordinary output does not. */
  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }

  get showsCursor(): boolean {
    return this.#written.lastIndexOf(SHOW_CURSOR) >= this.#written.lastIndexOf(HIDE_CURSOR)
  }

  get wrapsLines(): boolean {
    return this.#terminal.modes.wraparoundMode
  }

  /** All that was written to it, as it came. */
  get written(): string {
    return this.#written
  }

  /** Whether keys go to the program one by one, without what the terminal makes of them. */
  get isRaw(): boolean {
    const modes = execFileSync('sh', ['-c', `stty -a <${this.#read('tty')}`]).toString()
    return modes.includes('-icanon')
  }

  /** The modes as the shell found them before and after. */
  get modes(): { before: string; after: string } {
    return { before: this.#read('modes-before'), after: this.#read('modes-after') }
  }

  /** Of the binary. */
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

  /** Resolves once the screen is as wanted. */
  async shows(wanted: (screen: string) => boolean): Promise<void> {
    await new Promise<void>((found, missing) => {
      const timer = setTimeout(() => missing(new Error(`never seen; the screen is:\n${this.screen}`)), PATIENCE_MS)
      const look = () => {
        if (!wanted(this.screen)) return
        clearTimeout(timer)
        this.#watchers.delete(look)
        found()
      }
      this.#watchers.add(look)
      look()
    })
  }

  /** Waits for the shell's last word. */
  async left(): Promise<number> {
    const code = await this.ended
    await this.shows((screen) => screen.includes(`left with ${code}`))
    return code
  }

  /** @throws where the binary still runs, which is killed */
  async close(): Promise<void> {
    if (this.#isOver) return
    // Shell and binary are one group. A binary that is stopped does not go when its terminal does.
    process.kill(-this.#pty.pid, 'SIGKILL')
    await this.ended
    throw new Error('left running in the terminal')
  }

  #read(file: string): string {
    return readFileSync(join(this.#shop.folder, file), 'utf8').trim()
  }
}

/** Runs a command in a terminal, and answers when it asks. */
export function answerAtTerminal(
  shop: Shop,
  answer: string,
  ...args: string[]
): Promise<{ code: number; screen: string }> {
  const env = { ...shop.environment, NO_COLOR: '1', TERM: 'xterm' }
  const terminal = spawn(process.execPath, [BINARY, ...args], { cols: 120, cwd: shop.folder, env })
  let screen = ''
  let answered = false
  terminal.onData((text) => {
    screen += text
    if (answered || !screen.includes('[y/N]')) return
    answered = true
    terminal.write(`${answer}\r`)
  })
  return new Promise((ended) => terminal.onExit(({ exitCode }) => ended({ code: exitCode, screen })))
}
