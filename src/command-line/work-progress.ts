// What the progress line of `work` shows.
import type { ProgressState } from '../terminal/progress.js'
import { countOf } from '../terminal/text.js'
import type { Backlog, WorkerEvent } from '../workflow/worker-events.js'

export type ProgressEvent = Extract<WorkerEvent, { readonly event: 'progress' | 'backlog' }>

export class WorkProgress {
  readonly #drain: boolean
  #done = 0
  #backlog: Backlog = { due: 0, inProgress: 0, dueLater: 0 }
  /** Orders processed when the backlog was last counted, and those that were left. */
  #total: number | undefined

  /** @param drain whether the work ends, so that there is a share of it and a time left */
  constructor(drain: boolean) {
    this.#drain = drain
  }

  /**
   * @param seconds since the start
   * @param inProgress number of orders that this process is processing
   */
  next(
    event: ProgressEvent,
    { seconds, inProgress }: { readonly seconds: number; readonly inProgress: number },
  ): ProgressState | string {
    if (event.event === 'progress') this.#done = event.processed
    else {
      this.#backlog = event
      this.#total = this.#done + event.due + event.inProgress
    }
    if (inProgress === 0) return this.#waitingText()
    const done = this.#done
    const fraction = this.#drain && this.#total ? done / this.#total : undefined
    return { doing: 'Working', unit: 'orders', done, fraction, perSecond: done / seconds }
  }

  #waitingText(): string {
    const { due, inProgress, dueLater } = this.#backlog
    const others = inProgress > 0 ? `, ${countOf(inProgress, 'order')} in progress in other workers` : ''
    const later = dueLater > 0 ? `, ${countOf(dueLater, 'order')} due later` : ''
    const done = this.#done > 0 ? ` · ${countOf(this.#done, 'order')} processed` : ''
    return `Waiting for orders: ${due} due${others}${later}${done}`
  }
}
