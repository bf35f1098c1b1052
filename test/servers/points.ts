// Which of a command's messages the connection is cut at.
import type { CutPoint, Loss, Message } from '../support/cut-proxy.js'
import type { Role } from './site.js'

/** Of messages that follow each other from the same side, such as rows, the first ones and the last are enough. */
function distinctMessages(messages: readonly Message[]): number[] {
  const at: number[] = []
  messages.forEach((message, index) => {
    const isSame = (other: Message | undefined) =>
      other !== undefined && other.side === message.side && other.connection === message.connection
    if (!(isSame(messages[index - 2]) && isSame(messages[index - 1]) && isSame(messages[index + 1]))) at.push(index + 1)
  })
  return at
}

/** A connection can be lost in these ways before it is told; silence is another matter, since it takes seconds. */
const TOLD: readonly Omit<CutPoint, 'at'>[] = (['reset', 'end'] as const).flatMap((loss: Loss) =>
  (['before', 'after'] as const).map((when) => ({ loss, when })),
)

const variants = (at: number): CutPoint[] => TOLD.map((how) => ({ at, ...how }))

/** Half of them: the gap between two messages is behind the one and before the other, so it has both losses. */
const alternating = (at: number): CutPoint[] =>
  variants(at).filter(({ loss }) => loss === (at % 2 === 0 ? 'reset' : 'end'))

/** Chooses points for one server, command after command. */
export class Sampler {
  readonly #role: Role
  readonly #isFull: boolean
  #command = 0

  constructor(role: Role, isFull: boolean) {
    this.#role = role
    this.#isFull = isFull
  }

  /**
   * All of them in a full run. Else every way to lose the connection while it is made, shared out among so many commands,
   * since they all make it alike; and of each command some points of its work, and its good-bye.
   */
  choose(messages: readonly Message[], commands: number): CutPoint[] {
    const number = this.#command++
    const distinct = distinctMessages(messages)
    const quiet = this.#silences(messages.length, number)
    if (this.#isFull) return [...distinct.flatMap(variants), ...quiet]
    const isOpening = (at: number) => at <= this.#role.openingMessages
    const opening = distinct.filter(isOpening).flatMap(alternating)
    const working = distinct.filter((at) => !isOpening(at)).flatMap(variants)
    const share = opening.filter((_, index) => index % commands === number % commands)
    return [...share, ...spread(working, WORKING_POINTS, number), ...working.slice(-CLOSING_POINTS), ...quiet]
  }

  /** Where a server that says nothing more is found out within seconds: everywhere on a queue's, else at both ends. */
  #silences(messages: number, number: number): CutPoint[] {
    const { openingMessages, goodbye } = this.#role
    const first = 1 + (number % Math.max(1, Math.min(openingMessages, messages) - 1))
    const later = goodbye ?? first + Math.floor((messages - first) * ((number % 5) / 5))
    return [first, later].map((at) => ({ at, when: 'after', loss: 'silence' }))
  }
}

const WORKING_POINTS = 3
const CLOSING_POINTS = 2

/** So many of them at even distances, others for each number. */
function spread<Item>(items: readonly Item[], count: number, number: number): Item[] {
  const step = items.length / count
  const chosen = Array.from({ length: Math.min(count, items.length) }, (_, index) => {
    const at = Math.floor(index * step + ((number * 7) % Math.max(1, Math.floor(step))))
    return items[at]
  })
  return chosen.filter((item) => item !== undefined)
}
