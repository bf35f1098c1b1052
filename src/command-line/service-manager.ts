// Notifies systemd that a service is ready, alive or stopping, and of its status. Uses systemd-notify, since Node
// cannot send datagrams on Unix sockets.
import { execFile } from 'node:child_process'

/** Interval between status messages, unless the watchdog needs them more often. */
const STATUS_MS = 30_000
/** Additional start time requested for a service that waits. Requested again before it runs out. */
const EXTENSION_MS = 120_000
/** Timeout for systemd-notify, which waits up to five seconds for systemd to read the message. */
const NOTIFY_MS = 10_000

/** Does nothing in a process that systemd did not start. */
export class ServiceManager {
  isReady = false
  readonly #environment: NodeJS.ProcessEnv
  readonly #hasWatchdog: boolean
  readonly #everyMs: number
  readonly #onProblem: (text: string) => void
  /** Latest value of each variable that waits until the current message is sent. */
  readonly #unsent = new Map<string, string>()
  #sending: Promise<void> | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #isStopping = false
  #hasFailed = false

  /**
   * Removes systemd's variables from the environment, so that child processes do not inherit them.
   *
   * @param onProblem called once with a message if systemd cannot be notified
   */
  constructor(environment: NodeJS.ProcessEnv, onProblem: (text: string) => void) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
    this.#environment = { ...environment, NOTIFY_SOCKET }
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
    const watchdogMs = isOurs && /^[1-9]\d*$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1000 : undefined
    this.#hasWatchdog = watchdogMs !== undefined
    // systemd recommends half of the watchdog time. A third leaves a margin for a busy machine.
    this.#everyMs = Math.min(STATUS_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 3)
    this.#onProblem = onProblem
  }

  /** Requests more start time from systemd while the service waits for a server. */
  waiting(status: string): void {
    if (performance.now() - this.#sentAt < STATUS_MS) return
    this.#sentAt = performance.now()
    this.#send({ EXTEND_TIMEOUT_USEC: String(EXTENSION_MS * 1000), STATUS: status })
  }

  /** @param status shown by `systemctl status` */
  ready(status: string): void {
    this.isReady = true
    this.#send({ READY: '1', ...this.#heartbeat(status) })
  }

  /** May be called every second. Sends only as often as systemd needs it. */
  alive(status: string): void {
    if (performance.now() - this.#sentAt >= this.#everyMs) this.#send(this.#heartbeat(status))
  }

  /** Sent once, when the service stops accepting work. */
  stopping(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#send({ STOPPING: '1', STATUS: 'finishing work in progress' })
  }

  /** Waits until every message was sent or has failed. Limited by the timeout of each message. */
  async flush(): Promise<void> {
    await this.#sending
  }

  #heartbeat(status: string): Record<string, string> {
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

/** @returns the reason for a failure, or undefined */
function notify(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((done) => {
    execFile('systemd-notify', words, { env, timeout: NOTIFY_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      // systemd sends SIGTERM to all processes of a service that it stops.
      if (!error || error.signal === 'SIGTERM') return done(undefined)
      const failed = error.killed
        ? `systemd-notify took longer than ${NOTIFY_MS / 1000} s`
        : `systemd-notify failed: ${stderr.trim() || error.message}`
      const why = error.code === 'ENOENT' ? 'systemd-notify is not on the PATH' : failed
      const fix = 'Fix this, or remove Type=notify and WatchdogSec from the unit; otherwise systemd stops the service.'
      done(`Cannot notify systemd that this service is alive: ${why}. ${fix}`)
    })
  })
}
