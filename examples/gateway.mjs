#!/usr/bin/env node
// A payment provider for trying orderctl: it keeps a ledger in a file, and fails as real providers do. No dependencies.
//
//   node examples/gateway.mjs --decline 0.1 --drop 0.02 --port 8099
//   ORDERCTL_PAYMENT_GATEWAY=http://127.0.0.1:8099 orderctl work --drain
//
// The contract is in docs/gateway.md. Each line of the ledger is a charge or a refund as JSON, written before the
// answer is sent, so a provider that is killed and started again gives the same answers.
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const OPTIONS = {
  port: ['8099', 'port on 127.0.0.1; 0 for a free one'],
  ledger: ['gateway-ledger.jsonl', 'file of the charges and refunds'],
  latency: ['0', 'milliseconds before a charge is made'],
  'answer-latency': ['0', 'milliseconds between a charge and its answer'],
  decline: ['0', 'share of charges that are declined'],
  drop: ['0', 'share of requests whose connection is lost: half of them before the charge, half after it'],
  'drop-after': ['0', 'share of requests whose connection is lost after the charge'],
  error: ['0', 'share of requests that are answered with HTTP 503'],
  limit: ['0', 'share of requests that are answered with HTTP 429'],
  'retry-after': ['', 'seconds, or a date, that 429 and 503 ask to wait'],
  token: ['', 'token that requests must have'],
  wrong: ['', 'sends wrong answers: no-json, amount, currency, key, reference or no-reference'],
  'no-look-up': [false, 'answers look-ups with HTTP 501'],
  'tls-cert': ['', 'certificate, for HTTPS'],
  'tls-key': ['', 'key of the certificate'],
  help: [false, 'show this help'],
}

const { values } = parseArgs({
  options: Object.fromEntries(
    Object.entries(OPTIONS).map(([name, [fallback]]) => [name, { type: typeof fallback, default: fallback }]),
  ),
})
if (values.help) {
  for (const [name, [fallback, about]] of Object.entries(OPTIONS))
    console.log(`  --${name.padEnd(16)} ${about}${fallback ? ` [default: ${fallback}]` : ''}`)
  process.exit(0)
}

/** By idempotency key. */
const entries = { charge: new Map(), refund: new Map() }
/** Keys of requests that have not ended. */
const open = new Set()
let mostOpen = 0
const refunded = new Map()
const ledger = openLedger(values.ledger)

function openLedger(file) {
  try {
    // A line that a killed provider left unfinished was never answered.
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) remember(JSON.parse(line))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return openSync(file, 'a')
}

function remember(entry) {
  entries[entry.type].set(entry.key, entry)
  if (entry.status === 'refunded') {
    refunded.set(entry.charge, (refunded.get(entry.charge) ?? 0) + entry.amount)
  }
}

function record(entry) {
  writeSync(ledger, `${JSON.stringify(entry)}\n`)
  remember(entry)
  return entry
}

/** The number of a request with a key, so that luck differs from one request to the next, but not from run to run. */
const asked = new Map()

/** From 0 to 1. */
function luck(what, key) {
  const digest = createHash('sha256').update(`${what}\n${key}`).digest()
  return digest.readUInt32BE() / 2 ** 32
}

function decide(type, key, body) {
  const { amount, currency } = body
  const entry = { type, key, amount, currency, at: new Date().toISOString() }
  const reference = `${type === 'charge' ? 'ch' : 're'}_${createHash('sha256').update(key).digest('hex').slice(0, 20)}`
  if (type === 'charge') {
    const { source, reference: order, customer } = body.order ?? {}
    const declined = { status: 'declined', reason: 'card_declined', message: 'The card was declined.' }
    const outcome = luck('decline', key) < Number(values.decline) ? declined : { status: 'captured', reference }
    return { ...entry, source, order, customer, ...outcome }
  }
  const charge = entries.charge.get(body.charge?.key)
  const left = charge?.status === 'captured' ? charge.amount - (refunded.get(charge.key) ?? 0) : 0
  if (charge?.reference !== body.charge?.reference || charge?.currency !== currency || amount > left)
    return {
      ...entry,
      charge: body.charge?.key,
      status: 'declined',
      reason: 'not_refundable',
      message: `${left} is left.`,
    }
  return { ...entry, charge: charge.key, status: 'refunded', reference }
}

/** What is sent for an entry of the ledger: without what only the ledger needs, and wrong if that was asked for. */
function answerFor({ key, amount, currency, status, reference, reason, message }) {
  const answer = { status, key, amount, currency, reference, reason, message }
  switch (values.wrong) {
    case 'amount':
      return { ...answer, amount: amount + 1 }
    case 'currency':
      return { ...answer, currency: currency === 'XTS' ? 'USD' : 'XTS' }
    case 'key':
      return { ...answer, key: `${key}0` }
    case 'reference':
      return { ...answer, reference: 'ch_same' }
    case 'no-reference':
      return { ...answer, reference: '' }
    default:
      return answer
  }
}

async function readBody(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

async function handle(request, response) {
  const send = (status, body) => {
    const wait = [429, 503].includes(status) && values['retry-after'] ? { 'retry-after': values['retry-after'] } : {}
    response.writeHead(status, { 'content-type': 'application/json', ...wait })
    response.end(values.wrong === 'no-json' && status === 200 ? '<html>OK</html>' : JSON.stringify(body))
  }
  if (values.token && request.headers.authorization !== `Bearer ${values.token}`)
    return send(401, { error: 'no token' })
  const [, what, name] = new URL(request.url, 'http://gateway').pathname.split('/')
  const type = { charges: 'charge', refunds: 'refund' }[what]
  if (what === 'health') return send(200, { status: 'ok', most_open: mostOpen })
  if (!type) return send(404, { error: 'no such page' })
  if (request.method === 'GET') {
    if (values['no-look-up']) return send(501, { error: 'cannot look up' })
    const entry = entries[type].get(decodeURIComponent(name ?? ''))
    return entry ? send(200, answerFor(entry)) : send(404, { status: 'none' })
  }
  const key = decodeURIComponent(request.headers['idempotency-key'] ?? '')
  const body = await readBody(request)
  if (!key || !Number.isSafeInteger(body.amount) || body.amount <= 0) return send(400, { error: 'bad request' })
  const number = (asked.get(key) ?? 0) + 1
  asked.set(key, number)
  const happens = (what, share) => luck(what, `${key} ${number}`) < Number(share)
  if (happens('limit', values.limit)) return send(429, { error: 'too many requests' })
  if (happens('error', values.error)) return send(503, { error: 'out of order' })
  const drops = happens('drop', values.drop)
  if (drops && happens('before', 0.5)) return request.socket.destroy()
  if (open.has(key)) return send(409, { error: 'in progress' })
  open.add(key)
  mostOpen = Math.max(mostOpen, open.size)
  try {
    if (Number(values.latency) > 0) await sleep(Number(values.latency))
    const entry = entries[type].get(key) ?? record(decide(type, key, body))
    if (entry.amount !== body.amount || entry.currency !== body.currency) return send(422, { error: 'other content' })
    if (drops || happens('drop-after', values['drop-after'])) return request.socket.destroy()
    if (Number(values['answer-latency']) > 0) await sleep(Number(values['answer-latency']))
    send(200, answerFor(entry))
  } finally {
    open.delete(key)
  }
}

const onRequest = (request, response) => {
  handle(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(400).end(JSON.stringify({ error: error.message }))
  })
}
const [cert, key] = [values['tls-cert'], values['tls-key']]
const server = cert
  ? createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, onRequest)
  : createServer(onRequest)
server.keepAliveTimeout = 60_000
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`Listening on ${cert ? 'https' : 'http'}://127.0.0.1:${server.address().port}`)
})
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    closeSync(ledger)
    process.exit(0)
  })
