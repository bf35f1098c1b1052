// Base class of `work` and `schedule`: interruption, systemd, and waiting for unreachable servers at the start.
import { Flags } from '@oclif/core'
import { type App, type AppOptions, withAppOnceReachable } from '../app.js'
import type { Waiting } from '../workflow/outage.js'
import { BaseCommand } from './base-command.js'
import { isLogged, type LogEvent } from './log.js'
import { ServiceManager } from './service-manager.js'

export const noWaitFlag = Flags.boolean({
  description: 'exit with code 4 if a server is unreachable at the start, instead of waiting',
})

interface ServiceOptions {
  /** What is finished after the first Ctrl-C or SIGTERM: `the tasks in progress`. */
  readonly finishes: string
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
  protected startService({ finishes, waitsForServers, deadline }: ServiceOptions) {
    const systemd = new ServiceManager(this.host.environment, (text) => this.noteWarning(text))
    const signal = this.listenForInterruption(() =>
      systemd.isReady ? `Finishing ${finishes}. Press Ctrl-C again to exit immediately.` : undefined,
    )
    const waiting: Waiting = {
      signal,
      deadline,
      onNotice: (text, event) => this.note(text, { event }),
      onWaiting: ({ message }) => systemd.waiting(`waiting: ${message}`),
    }
    const wait = waitsForServers ? waiting : undefined
    const open = <Result>(use: (app: App) => Promise<Result>, options: AppOptions) =>
      withAppOnceReachable(this.settings, { ...options, waiting: wait }, use)
    return { signal, systemd, waiting: wait, open }
  }

  protected override note(text: string, event: LogEvent = { event: 'note' }): void {
    // An error is logged even if the settings are invalid.
    if (isLogged(event, 'error') || isLogged(event, this.settings.logLevel)) super.note(text, event)
  }

  /** Writes a note that needs action, at level `warn`. */
  protected noteWarning(text: string): void {
    this.note(text, { event: 'note', level: 'warn' })
  }
}
