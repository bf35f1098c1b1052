import { EXIT, UserError } from '../errors.js'

/** What publishing throws while the queue's server is away. */
export function notPublished(cause: UserError, product: string): UserError {
  return new UserError(
    {
      code: 'not_published',
      message: `The orders are stored and due, but workers could not be told: ${cause.message}`,
      fix: `Nothing is lost: workers look for such orders when they have nothing else to do. To tell them at once when ${product} is back: orderctl rebuild queue`,
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}
