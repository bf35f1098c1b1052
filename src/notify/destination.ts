// Where events are sent: a webhook, a command, or both.
import type { DestinationName } from './events.js'
import type { Message } from './message.js'

export type Delivery =
  | { readonly delivered: true }
  | {
      readonly delivered: false
      readonly error: string
      /** Whether the receiver answered that it does not take this event. It may take others. */
      readonly refused?: boolean
      /** As the receiver asks, in milliseconds. */
      readonly retryAfterMs?: number | undefined
    }

export interface Destination {
  readonly name: DestinationName
  /** For messages, without secrets. */
  readonly place: string
  /** Sends the message once. Never rejects, and ends within SEND_MS. */
  send(message: Message): Promise<Delivery>
  close(): Promise<void>
}

/** Time limit of a delivery. */
export const SEND_MS = 10_000
