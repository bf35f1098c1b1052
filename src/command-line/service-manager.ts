// Tells systemd that a service is ready, alive or stopping, and what it does. Node has no datagrams on Unix sockets, so
// systemd-notify sends them.
import { execFile } from 'node:child_process'

/** How often `systemctl status` shows new figures. */
const STATUS_MS = 30_000

/** How much longer a service that waits may take to start. Asked for again before that time is over. */
const EXTENSION_MS = 120_000

/** How long systemd-notify may take. It waits up to five seconds itself until systemd has read the message. */
const NOTIFY_MS = 10_000

/** Silent in a process that systemd did not start. */
export class ServiceManager {
  readonly #environment: NodeJS.ProcessEnv
  readonly #isThere: boolean
  readonly #hasWatchdog: boolean
  readonly #everyMs: number
  readonly #onProblem: (text: string) => void
  /** What waits for the message that is being sent: the latest value of each variable, so that nothing piles up. */
  readonly #unsent = new Map<string, string>()
  #sending: Promise<void> | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #isReady = false
  #isStopping = false
  #hasFailed = false

  /**
   * Takes systemd's variables out of the environment, since the programs that this process starts do not speak for the
   * service.
   *
   * @param onProblem called once, with a sentence, if systemd cannot be told
   */
  constructor(environment: NodeJS.ProcessEnv, onProblem: (text: string) => void) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
    this.#environment = { ...environment, NOTIFY_SOCKET }
    this.#isThere = Boolean(NOTIFY_SOCKET)
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
    const watchdogMs = isOurs && /^[1-9]\d*$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : undefined
    this.#hasWatchdog = watchdogMs !== undefined
    // systemd asks for two signs of life in the time that it waits; a third leaves room for a busy machine.
    this.#everyMs = Math.min(STATUS_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 3)
    this.#onProblem = onProblem
  }

  /** Whether the service does what it is for. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** The service waits for a server. Asks systemd for more time to start. */
  waiting(status: string): void {
    if (performance.now() - this.#sentAt < STATUS_MS) return
    this.#sentAt = performance.now()
    this.#send({ EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000), STATUS: status })
  }

  /** @param status as `systemctl status` shows it */
  ready(status: string): void {
    this.#isReady = true
    this.#send({ READY: '1', ...this.#lifeSign(status) })
  }

  /** A sign of life. May be given every second: it is sent as often as systemd needs it. */
  alive(status: string): void {
    if (performance.now() - this.#sentAt >= this.#everyMs) this.#send(this.#lifeSign(status))
  }

  /** The service ends once it has finished what is in progress. Sent once. */
  stopping(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#send({ STOPPING: '1', STATUS: 'finishing what is in progress' })
  }

  /** Resolves when systemd has been told everything, or cannot be told. Never hangs. */
  async told(): Promise<void> {
    await this.#sending
  }

  #lifeSign(status: string): Record<string, string> {
    this.#sentAt = performance.now()
    return { ...(this.#hasWatchdog ? { WATCHDOG: '1' } : {}), ...(this.#isStopping ? {} : { STATUS: status }) }
  }

  #send(variables: Record<string, string>): void {
    if (!this.#isThere) return
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

/** @returns why systemd could not be told; undefined if it was */
function notify(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((done) => {
    execFile('systemd-notify', words, { env, timeout: NOTIFY_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      // When systemd stops a service, it ends all of its processes.
      if (!error || error.signal === 'SIGTERM') return done(undefined)
      const failed = error.killed
        ? `systemd-notify took longer than ${NOTIFY_MS / 1000} s`
        : `systemd-notify failed: ${stderr.trim() || error.message}`
      const why = error.code === 'ENOENT' ? 'systemd-notify is not on the PATH' : failed
      done(
        `systemd cannot be told that this service is alive, since ${why}. ` +
          'Fix that, or remove Type=notify and WatchdogSec from the unit; otherwise systemd ends the service.',
      )
    })
  })
}
