// Tells systemd that a service is ready, alive or stopping, and what it does. Node has no datagrams on Unix sockets, so
// systemd-notify sends them.
import { execFile } from 'node:child_process'

/** Between two messages with new figures, unless the watchdog needs them sooner. */
const STATUS_MS = 30_000
/** How much longer a service that waits may take to start. Requested again before that time is over. */
const EXTENSION_MS = 120_000
/** Timeout of systemd-notify, which itself waits up to five seconds until systemd has read the message. */
const NOTIFY_MS = 10_000

/** Silent in a process that systemd did not start. */
export class ServiceManager {
  isReady = false
  readonly #environment: NodeJS.ProcessEnv
  readonly #hasWatchdog: boolean
  readonly #everyMs: number
  readonly #onProblem: (text: string) => void
  /** The latest value of each variable that waits for the message being sent. */
  readonly #unsent = new Map<string, string>()
  #sending: Promise<void> | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #isStopping = false
  #hasFailed = false

  /**
   * Removes systemd's variables from the environment, so that programs started by this process do not inherit them.
   *
   * @param onProblem called once, with a sentence, if systemd cannot be notified
   */
  constructor(environment: NodeJS.ProcessEnv, onProblem: (text: string) => void) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
    this.#environment = { ...environment, NOTIFY_SOCKET }
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
    const watchdogMs = isOurs && /^[1-9]\d*$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : undefined
    this.#hasWatchdog = watchdogMs !== undefined
    // systemd asks for two messages in the time that it waits; a third leaves room for a busy machine.
    this.#everyMs = Math.min(STATUS_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 3)
    this.#onProblem = onProblem
  }

  /** Asks systemd for more time to start, since the service waits for a server. */
  waiting(status: string): void {
    if (performance.now() - this.#sentAt < STATUS_MS) return
    this.#sentAt = performance.now()
    this.#send({ EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000), STATUS: status })
  }

  /** @param status as `systemctl status` shows it */
  ready(status: string): void {
    this.isReady = true
    this.#send({ READY: '1', ...this.#lifeSign(status) })
  }

  /** May be called every second: sends as often as systemd needs it. */
  alive(status: string): void {
    if (performance.now() - this.#sentAt >= this.#everyMs) this.#send(this.#lifeSign(status))
  }

  /** Sent once, when no new work is begun. */
  stopping(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#send({ STOPPING: '1', STATUS: 'finishing what is in progress' })
  }

  /** Resolves when every message was sent or has failed. Never hangs. */
  async told(): Promise<void> {
    await this.#sending
  }

  #lifeSign(status: string): Record<string, string> {
    this.#sentAt = performance.now()
    return { ...(this.#hasWatchdog ? { WATCHDOG: '1' } : {}), ...(this.#isStopping ? {} : { STATUS: status }) }
  }

  #send(variables: Record<string, string>): void {
    if (!this.#environment['NOTIFY_SOCKET']) return
    for (const [name, value] of Object.entries(variables)) this.#unsent.set(name, value)
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#unsent.size > 0) {
      const words = [...this.#unsent].map(([name, value]) => `${name}=${value}`)
      this.#unsent.clear()
      const problem = await notify(words, this.#environment)
      if (problem === undefined || this.#hasFailed) continue
      this.#hasFailed = true
      this.#onProblem(problem)
    }
  }
}

/** @returns why it failed; undefined if it did not */
function notify(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((done) => {
    execFile('systemd-notify', words, { env, timeout: NOTIFY_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      // When systemd stops a service, it ends all of its processes.
      if (!error || error.signal === 'SIGTERM') return done(undefined)
      const failed = error.killed
        ? `systemd-notify took longer than ${NOTIFY_MS / 1000} s`
        : `systemd-notify failed: ${stderr.trim() || error.message}`
      const why = error.code === 'ENOENT' ? 'systemd-notify is not on the PATH' : failed
      const fix = 'Fix that, or remove Type=notify and WatchdogSec from the unit; otherwise systemd ends the service.'
      done(`systemd cannot be told that this service is alive, since ${why}. ${fix}`)
    })
  })
}
