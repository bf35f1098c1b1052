// What users read when RabbitMQ is unreachable, blocked or unfit.
import { EXIT, UserError } from '../errors.js'
import type { RabbitAddress } from './addresses.js'
import { explainUnreachable, problemOf } from './explain.js'

export function explainRabbitError(address: RabbitAddress, cause: unknown): UserError {
  return explainUnreachable(cause, address)
}

/** The same later on: a server that accepted us before is about to start or to stop, so every error passes by itself. */
export function asAway(address: RabbitAddress, cause: unknown): UserError {
  const { code, message, fix } = explainRabbitError(address, cause)
  return new UserError({ code, message, fix, retryable: true, exit: EXIT.unreachable }, { cause })
}

/** While a server is short of memory or disk, it reads nothing from those who publish. */
export function blocked(address: RabbitAddress, reason: string): UserError {
  return new UserError(problemOf({ cause: 'blocked', reason }, address))
}
