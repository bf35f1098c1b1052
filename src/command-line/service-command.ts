// What services share: the first Ctrl-C, systemd, and the wait for servers that are away at the start.
import { Flags } from '@oclif/core'
import { type App, type AppOptions, withAppOnceReachable } from '../app.js'
import type { Waiting } from '../workflow/outage.js'
import { BaseCommand } from './base-command.js'
import { ServiceManager } from './service-manager.js'

export const noWaitFlag = Flags.boolean({
  description: 'end with exit code 4 if a server is away at the start, instead of waiting for it',
})

interface ServiceOptions {
  /** What the first Ctrl-C or SIGTERM finishes: `the tasks in progress`. */
  readonly finishes: string
  /** Whether to wait for a server that is away at the start. */
  readonly isPatient: boolean
  /** By performance.now(): when the wait ends. */
  readonly deadline?: number | undefined
}

export abstract class ServiceCommand extends BaseCommand {
  /**
   * @returns a signal that the first Ctrl-C or SIGTERM aborts, and `open`, which lends the app to `use` as soon as its
   * servers answer, or returns undefined if the signal came first
   */
  protected startService({ finishes, isPatient, deadline }: ServiceOptions) {
    const systemd = new ServiceManager(this.host.environment, (text) => this.caution(text))
    const signal = this.listenForInterruption(() =>
      systemd.isReady ? `Finishing ${finishes}; Ctrl-C again leaves at once.` : undefined,
    )
    const waiting: Waiting = {
      signal,
      deadline,
      onNotice: (text, event) => this.note(text, { event }),
      onWaiting: ({ message }) => systemd.waiting(`waiting: ${message}`),
    }
    const patience = isPatient ? waiting : undefined
    const open = <Result>(use: (app: App) => Promise<Result>, options: AppOptions) =>
      withAppOnceReachable(this.settings, { ...options, waiting: patience }, use)
    return { signal, systemd, waiting: patience, open }
  }

  /** Writes a note that a person has to act on. */
  protected caution(text: string): void {
    this.note(text, { event: 'note', level: 'warn' })
  }
}
