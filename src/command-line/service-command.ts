// Base class of `work` and `schedule`: interruption, systemd, and waiting for unreachable servers at the start.
import { Flags } from '@oclif/core'
import { type App, type AppOptions, withAppOnceReachable } from '../app.js'
import { asError, FailureReporter } from '../background.js'
import { explainDatabaseError } from '../database/connection.js'
import { Deliverer } from '../notify/deliverer.js'
import { openDestinations } from '../notify/open-destinations.js'
import type { Waiting } from '../workflow/outage.js'
import { BaseCommand } from './base-command.js'
import { ServiceManager } from './service-manager.js'

export const noWaitFlag = Flags.boolean({
  description: 'exit with code 4 if a server is unreachable at the start, instead of waiting',
})

interface ServiceOptions {
  /** Returns what is finished after the first Ctrl-C or SIGTERM, such as `the tasks in progress`. */
  readonly finishes: () => string | undefined
  /** Returns what a second one leaves behind. */
  readonly leaves?: () => string | undefined
  /** Whether to wait for a server that is unreachable at the start. */
  readonly waitsForServers: boolean
  /** End of the wait, by performance.now(). */
  readonly deadline?: number | undefined
}

export abstract class ServiceCommand extends BaseCommand {
  /**
   * @returns a signal that the first Ctrl-C or SIGTERM aborts, and `open`, which calls `use` once the servers are
   * reachable, or returns undefined if the signal came first
   */
  protected startService({ finishes, leaves, waitsForServers, deadline }: ServiceOptions) {
    const systemd = new ServiceManager(this.host.environment, (text) => this.noteWarning(text))
    const signal = this.listenForInterruption(() => {
      const inProgress = systemd.isReady ? finishes() : undefined
      return inProgress && `Finishing ${inProgress}. Ctrl-C again ends at once.`
    }, leaves)
    const waiting: Waiting = {
      signal,
      deadline,
      onNotice: (text, event) => this.note(text, { event }),
      onWaiting: ({ message }) => systemd.waiting(`waiting: ${message}`),
    }
    const wait = waitsForServers ? waiting : undefined
    const open = <Result>(use: (app: App) => Promise<Result>, options: AppOptions) =>
      withAppOnceReachable(this.settings, { ...options, waiting: wait }, (app) =>
        this.#whileDelivering(app, signal, () => use(app)),
      )
    return { signal, systemd, waiting: wait, open }
  }

  /** Delivers events to the configured destinations while `act` runs. */
  async #whileDelivering<Result>({ db, config }: App, signal: AbortSignal, act: () => Promise<Result>) {
    const destinations = await openDestinations(config, this.host.environment)
    const deliveries = destinations.map((destination) => {
      const reporter = this.reporterOf(`Notifying ${destination.place}`)
      return new Deliverer({ db, config, destination, signal, reporter }).start()
    })
    try {
      return await act()
    } finally {
      await Promise.all(deliveries.map((delivery) => delivery.end()))
      await Promise.all(destinations.map((destination) => destination.close()))
    }
  }

  /** Notes the failures of what is tried again. @param subject as in `Task kpis` */
  protected reporterOf(subject: string): FailureReporter {
    const { database } = this.settings
    const explain = (error: unknown) => explainDatabaseError(error, database) ?? asError(error)
    return new FailureReporter({ subject, explain, onNotice: (text, event) => this.note(text, { event }) })
  }

  /** Writes a note that needs action, at level `warn`. */
  protected noteWarning(text: string): void {
    this.note(text, { event: 'note', level: 'warn' })
  }
}
