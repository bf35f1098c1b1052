// What users are told when RabbitMQ cannot be had, or should not be.

import { asError } from '../../background.js'
import { EXIT, UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'

/** The first whose quorum queues keep delayed batches. */
const OLDEST = '3.10'

function unreachable({ name }: RabbitAddress, cause: unknown): UserError {
  return new UserError(
    {
      code: 'rabbitmq_unreachable',
      message: `RabbitMQ at ${name} cannot be reached: ${inPlainWords(cause)}.`,
      fix: 'Start it (try: rabbitmq-diagnostics check_running), correct ORDERCTL_QUEUE_URL, or unset it to work without RabbitMQ.',
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}

/** What is told while a server that is short of memory or disk listens to nobody who publishes. */
export function blocked({ name }: RabbitAddress, reason: string): UserError {
  return new UserError({
    code: 'rabbitmq_blocked',
    message: `RabbitMQ at ${name} takes no messages: ${reason}.`,
    fix: 'Free memory or disk space on that server (rabbitmq-diagnostics alarms). It then takes messages again by itself.',
    retryable: true,
    exit: EXIT.unreachable,
  })
}

/** What the server's answer means to the user: it refuses us, its queues are others' than ours, or it is not there. */
export function explain(address: RabbitAddress, cause: unknown): UserError {
  if (cause instanceof UserError) return cause
  const text = asError(cause).message
  if (/ACCESS_REFUSED|NOT_ALLOWED|^ConnectionOpen:/.test(text)) return refused(address, cause)
  if (/PRECONDITION_FAILED - inequivalent/.test(text)) return differs(address, cause)
  // Which servers say of an argument that their quorum queues do not have.
  if (/PRECONDITION_FAILED - invalid arg 'x-message-ttl'/.test(text)) return tooOld(address, cause)
  return unreachable(address, cause)
}

/** The same at a later moment: a server that knew us before is about to start or to stop. */
export function asAway(address: RabbitAddress, cause: unknown): UserError {
  const { code, message, fix } = explain(address, cause)
  return new UserError({ code, message, fix, retryable: true, exit: EXIT.unreachable }, { cause })
}

function tooOld({ name }: RabbitAddress, cause: unknown): UserError {
  return new UserError(
    {
      code: 'rabbitmq_too_old',
      message: `RabbitMQ at ${name} is too old: orderctl needs ${OLDEST} or newer.`,
      fix: 'Update it, or unset ORDERCTL_QUEUE_URL to work without RabbitMQ.',
      exit: EXIT.usage,
    },
    { cause },
  )
}

function refused({ name }: RabbitAddress, cause: unknown): UserError {
  return new UserError(
    {
      code: 'rabbitmq_refused',
      message: `RabbitMQ at ${name} does not let us in: ${inPlainWords(cause)}.`,
      fix: 'Correct user, password and virtual host in ORDERCTL_QUEUE_URL (amqp://USER:PASSWORD@HOST/VHOST), or let the user in: rabbitmqctl set_permissions -p VHOST USER ".*" ".*" ".*".',
      exit: EXIT.usage,
    },
    { cause },
  )
}

function differs({ name }: RabbitAddress, cause: unknown): UserError {
  const [, queue = 'queue'] = /for queue '([^']+)'/.exec(asError(cause).message) ?? []
  return new UserError(
    {
      code: 'rabbitmq_queue_differs',
      message: `RabbitMQ at ${name} has a queue "${queue}" that is set up otherwise than orderctl does it: ${inPlainWords(cause)}.`,
      fix: `If it is another program's, choose another name by ORDERCTL_QUEUE_NAME. If it is an earlier one of orderctl's, delete it (rabbitmqctl delete_queue ${queue}) and run: orderctl rebuild queue`,
      exit: EXIT.usage,
    },
    { cause },
  )
}

/** The server's text without the method, the code and the pointer to its log. */
function inPlainWords(cause: unknown): string {
  const { message } = asError(cause)
  if (/SSL routines.*wrong version/.test(message)) return 'it speaks no TLS at this port'
  if (/ETIMEDOUT|timed out/.test(message)) return 'it does not answer'
  if (/^(channel|connection) is closed|^socket closed|connection is closing|^stream ended/.test(message))
    return 'the connection was lost'
  return message
    .replace(/^[A-Za-z]+: (?:[A-Z_]+ - )?/, '')
    .replace(/\. For details see the broker logfile/, '')
    .replace(/\.$/, '')
}
