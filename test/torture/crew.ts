// The processes of a torture run: services that must outlive everything but our signals, and commands of people.
import { setTimeout as sleep } from 'node:timers/promises'
import { Cli, type Outcome, type Running } from '../support/cli.js'
import type { Answer, Journal } from './journal.js'

/** Commands on the shop of one run. */
export class TortureShop extends Cli {
  readonly #environment: Readonly<Record<string, string>>

  constructor(environment: Readonly<Record<string, string>>) {
    super()
    this.#environment = environment
  }

  override get databaseUrl(): string {
    return this.#environment['ORDERCTL_DATABASE_URL'] ?? ''
  }

  override get environment(): Record<string, string> {
    return { ...super.environment, ...this.#environment }
  }
}

/** The text of an error that orderctl was not made for. */
const BUG = /Unexpected error|unhandled|"code": "internal"|"code":"internal"/i

export function reportBugs(journal: Journal, name: string, { stderr }: Outcome): void {
  if (BUG.test(stderr)) journal.violation(`${name} printed: ${lastLines(stderr)}`)
}

export const lastLines = (text: string) => text.trim().split('\n').slice(-6).join('\n    ')

/** How long a service may take to end after SIGTERM. */
const GRACE_MS = 120_000

/** A worker or a scheduler, which is started again whenever it ends. */
export class Service {
  readonly name: string
  readonly #shop: TortureShop
  readonly #journal: Journal
  readonly #args: readonly string[]
  #running: Running
  /** Whether a disturbance of it is under way. */
  isBusy = false
  #mayEnd = false

  constructor(shop: TortureShop, journal: Journal, name: string, args: readonly string[]) {
    this.#shop = shop
    this.#journal = journal
    this.name = name
    this.#args = args
    this.#running = this.#start()
  }

  #start(): Running {
    this.#mayEnd = false
    const running = this.#shop.start({}, ...this.#args)
    void running.ended.then((outcome) => this.#ended(running, outcome))
    return running
  }

  #ended(running: Running, outcome: Outcome): void {
    reportBugs(this.#journal, this.name, outcome)
    if (this.#mayEnd || running !== this.#running) return
    this.#journal.violation(`${this.name} ended by itself with exit code ${outcome.code}: ${lastLines(outcome.stderr)}`)
    this.#running = this.#start()
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    this.#running = this.#start()
  }

  async terminate(): Promise<void> {
    await this.stop()
    this.#running = this.#start()
  }

  async freeze(ms: number): Promise<void> {
    this.#running.child.kill('SIGSTOP')
    await sleep(ms)
    this.#running.child.kill('SIGCONT')
  }

  /** Ends it as an administrator does, for good. */
  async stop(): Promise<void> {
    const { child } = this.#running
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, GRACE_MS)
    const { code, stderr } = await this.#end('SIGTERM')
    clearTimeout(late)
    if (isLate)
      this.#journal.violation(`${this.name} did not end ${GRACE_MS / 1000} s after SIGTERM: ${lastLines(stderr)}`)
    // Null: the signal came before the process listened to it.
    if (code !== 130 && code !== null)
      this.#journal.violation(`${this.name} ended with exit code ${code} after SIGTERM: ${lastLines(stderr)}`)
  }

  /** Kills it for good, whatever it does. */
  async abandon(): Promise<void> {
    await this.#end('SIGKILL')
  }

  #end(signal: NodeJS.Signals): Promise<Outcome> {
    this.#mayEnd = true
    this.#running.child.kill(signal)
    return this.#running.ended
  }
}

/** Done, failed, partly done, server away, a difference, killed. Never wrong usage: the commands are right. */
const USUAL: readonly (number | null)[] = [0, 1, 3, 4, null]

/** Runs a command to its end, or kills it on the way. */
export async function ask(shop: TortureShop, journal: Journal, args: readonly string[], killAfterMs?: number) {
  const running = shop.start({}, ...args, '--json')
  const killing = killAfterMs === undefined ? undefined : setTimeout(() => running.child.kill('SIGKILL'), killAfterMs)
  const outcome = await running.ended
  clearTimeout(killing)
  const name = `orderctl ${args.join(' ')}`
  reportBugs(journal, name, outcome)
  if (!USUAL.includes(outcome.code))
    journal.violation(`${name} ended with exit code ${outcome.code}: ${lastLines(outcome.stderr)}`)
  journal.note(`${name}: ${outcome.code ?? 'killed'}${outcome.code === 0 ? '' : ` ${codeIn(outcome.stderr)}`}`)
  const answer: Answer = { args, code: outcome.code, result: parsed(outcome.stdout) }
  return answer
}

const codeIn = (stderr: string) => /"code": ?"(\w+)"/.exec(stderr)?.[1] ?? ''

/** Undefined for no document, or one that was cut short. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
