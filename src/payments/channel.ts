// A gateway for a batch in another thread: calls and answers are messages. The process that opened the gateway serves
// them, so the threads share its budget, breaker and connections.
import type { MessagePort } from 'node:worker_threads'
import { asError } from '../background.js'
import { LeaseEnd } from '../domain/lease-end.js'
import {
  type CallOptions,
  type Charge,
  type ChargeOutcome,
  type ChargingGateway,
  type LookUp,
  unknown,
} from './gateway.js'

type CallName = keyof ChargingGateway

interface CallMessage {
  readonly id: number
  readonly name: CallName
  readonly charge: Charge
  readonly timeoutMs: number
  /** The memory of the LeaseEnd. */
  readonly leaseEnd: SharedArrayBuffer | undefined
}

interface AnswerMessage {
  readonly id: number
  readonly outcome: LookUp<ChargeOutcome>
}

/**
 * Answers the calls of a batch until it closes its end of the channel, or its thread dies. Calls that wait for others
 * then do not start.
 *
 * @param turn of the batch. If batches took turns, all would end together, and no call would be open while they settle.
 */
export function serveGateway(port: MessagePort, gateway: ChargingGateway, turn: number): void {
  let leaseEnd: LeaseEnd | undefined
  port.on('message', async ({ id, name, charge, timeoutMs, leaseEnd: shared }: CallMessage) => {
    if (shared) leaseEnd ??= new LeaseEnd(shared)
    const failed = (error: unknown) => unknown(asError(error).message)
    const outcome = await gateway[name](charge, timeoutMs, { turn, leaseEnd }).catch(failed)
    port.postMessage({ id, outcome } satisfies AnswerMessage)
  })
  port.on('close', () => leaseEnd?.endNow())
}

/** The batch's end of the channel. Close it after the last call. */
export class GatewayChannel implements ChargingGateway {
  readonly #port: MessagePort
  readonly #waiting = new Map<number, (outcome: LookUp<ChargeOutcome>) => void>()
  #calls = 0

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', ({ id, outcome }: AnswerMessage) => {
      this.#waiting.get(id)?.(outcome)
      this.#waiting.delete(id)
    })
  }

  charge(charge: Charge, timeoutMs: number, options?: CallOptions): Promise<ChargeOutcome> {
    return this.#call('charge', charge, timeoutMs, options) as Promise<ChargeOutcome>
  }

  lookUpCharge(charge: Charge, timeoutMs: number, options?: CallOptions): Promise<LookUp<ChargeOutcome>> {
    return this.#call('lookUpCharge', charge, timeoutMs, options)
  }

  close(): void {
    this.#port.close()
  }

  #call(name: CallName, charge: Charge, timeoutMs: number, options?: CallOptions): Promise<LookUp<ChargeOutcome>> {
    const id = this.#calls++
    const leaseEnd = options?.leaseEnd?.shared
    return new Promise((answer) => {
      this.#waiting.set(id, answer)
      this.#port.postMessage({ id, name, charge, timeoutMs, leaseEnd } satisfies CallMessage)
    })
  }
}
