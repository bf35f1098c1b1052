// What commands that run for long share: the first Ctrl-C, systemd, and the wait for servers that are away at the start.
import { Flags } from '@oclif/core'
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

interface Service {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  readonly systemd: ServiceManager
  /** If undefined, a server that is away is an error. */
  readonly waiting: Waiting | undefined
}

export abstract class ServiceCommand extends BaseCommand {
  protected startService({ finishes, isPatient, deadline }: ServiceOptions): Service {
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
    return { signal, systemd, waiting: isPatient ? waiting : undefined }
  }

  /** A note that somebody has to act on. */
  protected caution(text: string): void {
    this.note(text, { event: 'note', level: 'warn' })
  }
}
