// The answers of a gateway over HTTP, checked once. Anything that is not the answer to what was asked is unknown.
import { z } from 'zod'
import { type IdempotencyKey, isReference } from '../domain/ids.js'
import type { Money } from '../domain/money.js'
import { storable } from '../domain/storable.js'
import { type ChargeOutcome, type RefundOutcome, type Unknown, unknown } from './gateway.js'

const REFERENCE = z
  .string()
  .trim()
  .refine(isReference, 'is empty, too long or has a control character')
  .transform((text) => storable(text, 255))

const asked = { key: z.string(), amount: z.int(), currency: z.string() }
const declined = z.object({
  status: z.literal('declined'),
  ...asked,
  reason: z.string().trim().min(1),
  message: z.string().optional(),
})
const pending = z.object({ status: z.literal('pending'), ...asked })

function answerOf<Succeeded extends 'captured' | 'refunded'>(succeeded: Succeeded) {
  const success = z.object({ status: z.literal(succeeded), ...asked, reference: REFERENCE })
  return z.discriminatedUnion('status', [success, declined, pending])
}

const CHARGE = answerOf('captured')
const REFUND = answerOf('refunded')

interface Asked {
  readonly key: IdempotencyKey
  readonly amount: Money
}

export function readCharge(body: unknown, request: Asked): ChargeOutcome {
  const answer = read(CHARGE, body, request)
  return answer.status === 'captured' ? { status: 'captured', reference: answer.reference } : unsuccessful(answer)
}

export function readRefund(body: unknown, request: Asked): RefundOutcome {
  const answer = read(REFUND, body, request)
  return answer.status === 'refunded' ? { status: 'refunded', reference: answer.reference } : unsuccessful(answer)
}

/** Returns the answer if it is one to this request. */
function read<Answer extends z.infer<typeof CHARGE | typeof REFUND>>(
  shape: z.ZodType<Answer>,
  body: unknown,
  { key, amount }: Asked,
): Answer | Unknown {
  if (body === undefined) return unknown('the gateway sent no valid answer (no JSON)')
  const { data, error } = shape.safeParse(body)
  if (error) {
    const [issue] = error.issues
    return unknown(`the gateway sent no valid answer (${issue?.path.join('.') || 'body'}: ${issue?.message})`)
  }
  if (data.key !== key) return unknown(`the gateway answered for the key ${shortened(data.key)}`)
  if (data.amount === amount.minor && data.currency === amount.currency) return data
  const [given, expected] = [`${data.amount} ${shortened(data.currency)}`, `${amount.minor} ${amount.currency}`]
  return unknown(`the gateway answered for ${given} in place of ${expected} (minor units)`)
}

function unsuccessful(answer: z.infer<typeof pending> | z.infer<typeof declined> | Unknown) {
  if (answer.status === 'unknown') return answer
  if (answer.status === 'pending') return unknown('the gateway has not finished the request')
  const { reason, message } = answer
  return { status: 'declined', message: shortened(message ? `${reason}: ${message}` : reason) } as const
}

/** Texts of a gateway end up in tables and logs. */
function shortened(text: string): string {
  return storable(text.replace(/\p{Cc}+/gu, ' ').trim(), 500)
}
