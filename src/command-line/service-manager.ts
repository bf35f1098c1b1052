// Tells systemd how a service fares: that it is ready, that it is alive, what it is at, that it ends. Node has no
// datagrams on Unix sockets, so systemd's own program for this, systemd-notify, sends them.
import { execFile } from 'node:child_process'

export interface ServiceManager {
  /** The service is not ready yet, since it waits for a server. systemd is asked for more time to start. */
  waiting(status: string): void
  /** From now on the service does what it is for. `status` is shown by `systemctl status`. */
  ready(status: string): void
  /** A sign of life. May be given every second: it is passed on as often as systemd has to hear it. */
  alive(status: string): void
  /** The service ends when it has finished what is in hand. Said more than once, it is passed on once. */
  stopping(): void
  /** Settles when systemd has heard all of it, or cannot be told. Never hangs. */
  told(): Promise<void>
}

/** How often `systemctl status` shows new figures. */
const STATUS_MS = 30_000

/** How much longer a service that waits may take to start. It is asked for again before that time is over. */
const EXTENSION_MS = 120_000

/** How long systemd-notify may take. It waits for five seconds itself until systemd has read the message. */
const NOTIFY_MS = 10_000

/**
 * The systemd that started this process, or nobody: then nothing is said. Its variables are taken out of the
 * environment, since what this process starts in turn does not speak for the service.
 *
 * @param onProblem told once, in a sentence, why systemd cannot be told
 */
export function serviceManager(environment: NodeJS.ProcessEnv, onProblem: (text: string) => void): ServiceManager {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  if (!NOTIFY_SOCKET) return { waiting() {}, ready() {}, alive() {}, stopping() {}, async told() {} }
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
  const watchdogMs = isOurs && /^[1-9]\d*$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : undefined
  return new Systemd({ ...environment, NOTIFY_SOCKET }, watchdogMs, onProblem)
}

class Systemd implements ServiceManager {
  readonly #environment: NodeJS.ProcessEnv
  readonly #hasWatchdog: boolean
  readonly #everyMs: number
  readonly #onProblem: (text: string) => void
  /** What waits for the message under way: the latest value of each variable, so that nothing piles up. */
  readonly #unsaid = new Map<string, string>()
  #saying: Promise<void> | undefined
  #saidAt = Number.NEGATIVE_INFINITY
  #isStopping = false
  #complained = false

  constructor(environment: NodeJS.ProcessEnv, watchdogMs: number | undefined, onProblem: (text: string) => void) {
    this.#environment = environment
    this.#hasWatchdog = watchdogMs !== undefined
    // systemd asks for two in the time that it waits; a third leaves room for a machine that is busy.
    this.#everyMs = Math.min(STATUS_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 3)
    this.#onProblem = onProblem
  }

  waiting(status: string): void {
    if (performance.now() - this.#saidAt < STATUS_MS) return
    this.#saidAt = performance.now()
    this.#say({ EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000), STATUS: status })
  }

  ready(status: string): void {
    this.#say({ READY: '1', ...this.#lifeSign(status) })
  }

  alive(status: string): void {
    if (performance.now() - this.#saidAt >= this.#everyMs) this.#say(this.#lifeSign(status))
  }

  stopping(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#say({ STOPPING: '1', STATUS: 'finishing what is in hand' })
  }

  async told(): Promise<void> {
    await this.#saying
  }

  #lifeSign(status: string): Record<string, string> {
    this.#saidAt = performance.now()
    return { ...(this.#hasWatchdog ? { WATCHDOG: '1' } : {}), ...(this.#isStopping ? {} : { STATUS: status }) }
  }

  #say(variables: Record<string, string>): void {
    for (const [name, value] of Object.entries(variables)) this.#unsaid.set(name, value)
    this.#saying ??= this.#sayAll().finally(() => {
      this.#saying = undefined
    })
  }

  async #sayAll(): Promise<void> {
    while (this.#unsaid.size > 0) {
      const words = [...this.#unsaid].map(([name, value]) => `${name}=${value}`)
      this.#unsaid.clear()
      const problem = await notify(words, this.#environment)
      if (problem === undefined || this.#complained) continue
      this.#complained = true
      this.#onProblem(problem)
    }
  }
}

/** @returns why systemd was not told, if it was not */
function notify(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((done) => {
    execFile('systemd-notify', words, { env, timeout: NOTIFY_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      // systemd that stops a service ends all of its processes.
      if (!error || error.signal === 'SIGTERM') return done(undefined)
      const why =
        error.code === 'ENOENT'
          ? 'systemd-notify is not on the PATH'
          : error.killed
            ? `systemd-notify took longer than ${NOTIFY_MS / 1000} s`
            : `systemd-notify failed: ${stderr.trim() || error.message}`
      done(
        `systemd cannot be told that this service is alive, since ${why}. ` +
          'Mend that, or take Type=notify and WatchdogSec out of the unit; else systemd ends the service.',
      )
    })
  })
}
