// Where messages end in the streams between a program and its server, for the four protocols that orderctl speaks.

export type Protocol = 'postgres' | 'mysql' | 'redis' | 'amqp'

/** Whose messages they are. */
export type Side = 'client' | 'server'

/** The length of the message that the bytes begin with; undefined where its end has not arrived yet. */
type Measure = (bytes: Buffer) => number | undefined

/** Cuts a stream into messages: takes what arrives, and returns the messages that are complete. */
export function splitter(protocol: Protocol, side: Side): (data: Buffer) => Buffer[] {
  const measure = measureOf(protocol, side)
  let rest = Buffer.alloc(0)
  return (data) => {
    rest = Buffer.concat([rest, data])
    const messages: Buffer[] = []
    for (let length = measure(rest); length !== undefined && length <= rest.length; length = measure(rest)) {
      messages.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    return messages
  }
}

function measureOf(protocol: Protocol, side: Side): Measure {
  if (protocol === 'mysql') return (bytes) => (bytes.length < 4 ? undefined : 4 + bytes.readUIntLE(0, 3))
  if (protocol === 'redis') return respLength
  const [first, following] = protocol === 'amqp' ? AMQP : POSTGRES
  let isFirst = side === 'client'
  return (bytes) => {
    const length = (isFirst ? first : following)(bytes)
    if (length !== undefined && length <= bytes.length) isFirst = false
    return length
  }
}

/** A type and a length, which counts itself; the startup message has no type. */
const POSTGRES: readonly [Measure, Measure] = [
  (bytes) => (bytes.length < 4 ? undefined : bytes.readUInt32BE(0)),
  (bytes) => (bytes.length < 5 ? undefined : 1 + bytes.readUInt32BE(1)),
]

/** `AMQP0091`, then frames: a type, a channel, a length, and an octet behind the payload. */
const AMQP: readonly [Measure, Measure] = [
  () => 8,
  (bytes) => (bytes.length < 7 ? undefined : 8 + bytes.readUInt32BE(3)),
]

/** Commands are arrays of strings; replies are any type of RESP2 or RESP3. */
function respLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n')
  if (end < 0) return undefined
  const type = String.fromCharCode(bytes[0] ?? 0)
  const size = Number(bytes.toString('latin1', 1, end))
  if ('$=!'.includes(type)) return size < 0 ? end + 2 : end + 2 + size + 2
  if (!'*~>%|'.includes(type)) return end + 2
  let at = end + 2
  // A map has two values an entry; an attribute stands before the value that it is about.
  const values = type === '%' ? 2 * size : type === '|' ? 2 * size + 1 : size
  for (let value = 0; value < values; value++) {
    const length = respLength(bytes.subarray(at))
    if (length === undefined) return undefined
    at += length
  }
  return at
}
