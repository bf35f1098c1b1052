// docs/gateway.openapi.yaml against what orderctl asks, what the example provider answers, and what orderctl accepts.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import type { IdempotencyKey } from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import { readCharge, readRefund } from '../../src/payments/answers.js'
import { HttpGateway } from '../../src/payments/http.js'
import { Provider } from '../support/provider.js'

const ROOT = resolve(import.meta.dirname, '../..')

type Json = null | boolean | number | string | Json[] | JsonObject
interface JsonObject {
  readonly [name: string]: Json
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const listIn = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])

/** Returns an empty object if there is none at the path. */
function at(value: Json | undefined, ...path: string[]): JsonObject {
  const found = path.reduce<Json | undefined>((outer, name) => (isObject(outer) ? outer[name] : undefined), value)
  return isObject(found) ? found : {}
}

const written: Json = parse(readFileSync(resolve(ROOT, 'docs/gateway.openapi.yaml'), 'utf8'))
const document = withoutReferences(written)

/** Puts what a $ref names in its place. */
function withoutReferences(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutReferences)
  if (!isObject(value)) return value
  if (typeof value['$ref'] === 'string') return withoutReferences(at(written, ...value['$ref'].split('/').slice(1)))
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutReferences(one)]))
}

/** The alternatives of a schema, each as one object that allows no other fields. */
function alternatives(schema: JsonObject): JsonObject[] {
  if (schema['oneOf']) return listIn(schema['oneOf']).flatMap((one) => alternatives(at(one)))
  const parts = schema['allOf'] ? listIn(schema['allOf']).flatMap((one) => alternatives(at(one))) : [schema]
  const fields = parts.flatMap((part) => Object.entries(at(part, 'properties')))
  const nested = fields.map(([name, one]) => [name, at(one)['type'] === 'object' ? alternatives(at(one))[0] : one])
  const required = parts.flatMap((part) => listIn(part['required']))
  return [{ type: 'object', properties: Object.fromEntries(nested), required, additionalProperties: false }]
}

/** What is wrong with a body by the schema of its content; undefined without a schema. */
function problemWith(content: JsonObject, body: string) {
  const schema = at(content, 'content', 'application/json', 'schema')
  if (Object.keys(schema).length === 0) return undefined
  return z.fromJSONSchema({ oneOf: alternatives(schema) }).safeParse(JSON.parse(body)).error
}

interface Exchange {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly asked: string
  readonly status: number
  readonly answered: string
}

/** Passes each request on to the provider, and keeps it with its answer. */
async function recording(provider: Provider) {
  const exchanges: Exchange[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    const [asked, key] = [await text(request), headers['idempotency-key']?.toString()]
    const passed = { authorization: `${headers.authorization}`, ...(key ? { 'idempotency-key': key } : {}) }
    const answer = await fetch(`${provider.url}${path}`, { method, headers: passed, ...(asked ? { body: asked } : {}) })
    const answered = await answer.text()
    exchanges.push({ method, path, key, asked, status: answer.status, answered })
    response.writeHead(answer.status).end(answered)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { exchanges, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

type Recorder = Awaited<ReturnType<typeof recording>>

const amount = { minor: 1250, currency: 'USD' as Currency }
const chargeOf = (name: string) => ({
  key: `shop:default:${name}:1` as IdempotencyKey,
  amount,
  order: { source: 'default', reference: name, customer: 'C-1' },
})

/** Makes every call, so that the provider answers in every way that it can. */
async function exchangeAll(provider: Provider, { exchanges, url }: Recorder): Promise<void> {
  const open = (token: string) => new HttpGateway({ url, token, ca: undefined, connections: 4 })
  const [gateway, stranger] = [open('right'), open('wrong')]
  const restart = (...options: string[]) => provider.restart('--token', 'right', ...options)
  const refundOf = (name: string, reference: string, number = 1) => ({
    key: `${chargeOf(name).key}:refund-${number}` as IdempotencyKey,
    charge: { key: chargeOf(name).key, reference },
    amount,
  })
  const askAll = (of: HttpGateway, name: string) => [
    of.charge(chargeOf(name), 5000),
    of.lookUpCharge(chargeOf(name), 5000),
    of.refund(refundOf(name, 'ch_none'), 5000),
    of.lookUpRefund(refundOf(name, 'ch_none'), 5000),
    of.health(5000),
  ]
  await restart()
  await gateway.lookUpCharge(chargeOf('A'), 5000)
  const captured = await gateway.charge(chargeOf('A'), 5000)
  const refund = refundOf('A', captured.status === 'captured' ? captured.reference : '')
  await gateway.lookUpRefund(refund, 5000)
  expect((await gateway.refund(refund, 5000)).status).toBe('refunded')
  expect((await gateway.refund({ ...refund, key: refundOf('A', '', 2).key }, 5000)).status).toBe('declined')
  await Promise.allSettled([...askAll(stranger, 'A'), ...askAll(gateway, 'A')])
  for (const options of [['--decline', '1'], ['--error', '1'], ['--limit', '1'], ['--no-look-up']]) {
    await restart(...options)
    await Promise.all(askAll(gateway, options.join()))
  }
  // Two calls with a key at once: one of them comes while the other is open.
  await restart('--latency', '200')
  const refused = (path: string) => exchanges.some((one) => one.path === path && one.status === 409)
  for (let name = 0; !refused('/charges') || !refused('/refunds'); name++)
    await Promise.all([...askAll(gateway, `SLOW-${name}`), ...askAll(gateway, `SLOW-${name}`)])
  await Promise.all([gateway.close(), stranger.close()])
}

test('every request and answer is as described, and every description occurs', async () => {
  const provider = await Provider.reserve()
  const recorder = await recording(provider)
  const { exchanges, server } = recorder
  try {
    await exchangeAll(provider, recorder)
  } finally {
    server.close()
    await provider.close()
  }
  const seen = new Set<string>()
  for (const { method, path, key, asked, status, answered } of exchanges) {
    const template = path.replace(/^(\/\w+)\/.+/, '$1/{key}')
    const operation = at(document, 'paths', template, method.toLowerCase())
    const call = `${method} ${template} ${status}`
    seen.add(call)
    expect(Object.keys(at(operation, 'responses')), call).toContain(String(status))
    expect(problemWith(at(operation, 'requestBody'), asked), `${call} ${asked}`).toBeUndefined()
    expect(problemWith(at(operation, 'responses', String(status)), answered), `${call} ${answered}`).toBeUndefined()
    const needsKey = listIn(operation['parameters']).some((one) => at(one)['name'] === 'Idempotency-Key')
    expect(key !== undefined, call).toBe(needsKey)
  }
  const described = Object.entries(at(document, 'paths')).flatMap(([path, operations]) =>
    Object.entries(at(operations)).flatMap(([method, operation]) =>
      Object.keys(at(operation, 'responses')).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  )
  // The example always answers 200, is well while it runs, and orderctl asks for no nonsense.
  const unseen = ['POST /charges 201', 'POST /refunds 201', 'GET /health 503']
  const refused = ['/charges', '/refunds'].flatMap((path) => [`POST ${path} 400`, `POST ${path} 422`])
  expect(described.filter((call) => !seen.has(call)).sort()).toEqual([...unseen, ...refused].sort())
})

test('every status in the source of the example is described', () => {
  const source = readFileSync(resolve(ROOT, 'examples/gateway.mjs'), 'utf8')
  const statuses = new Set([...source.matchAll(/send\((\d{3})/g)].map(([, status]) => status))
  const described = JSON.stringify(document)
  expect(statuses.size).toBeGreaterThan(5)
  expect([...statuses].filter((status) => !described.includes(`"${status}":`))).toEqual([])
})

describe.each([
  ['Charge', readCharge],
  ['Refund', readRefund],
] as const)('the answer %s', (name, read) => {
  const samples: Readonly<Record<string, Json>> = { key: 'k', amount: 1250, currency: 'USD' }
  const readAnswer = (answer: object) => JSON.stringify(read(answer, { key: 'k' as IdempotencyKey, amount }))
  const INVALID = 'no valid answer'

  test.each(
    alternatives(at(document, 'components', 'schemas', name)).map(
      (one) => [at(one, 'properties', 'status')['const'], one] as const,
    ),
  )('%s is accepted as described, and nothing else', (_, schema) => {
    const fields = Object.entries(at(schema, 'properties'))
    const answer = Object.fromEntries(fields.map(([field, one]) => [field, at(one)['const'] ?? samples[field] ?? 'x']))
    const described = z.fromJSONSchema(schema)
    expect(described.safeParse(answer).success).toBe(true)
    expect(readAnswer(answer)).not.toContain(INVALID)
    for (const [field] of fields) {
      const { [field]: _removed, ...rest } = answer
      expect(readAnswer(rest).includes(INVALID), field).toBe(!described.safeParse(rest).success)
    }
    for (const [field, value, isValid] of [
      ['status', 'other', false],
      ['reference', '', false],
      ['reference', 'x'.repeat(255), true],
      ['reference', 'x'.repeat(256), false],
    ] as const) {
      if (!(field in answer)) continue
      const changed = { ...answer, [field]: value }
      expect(described.safeParse(changed).success, field).toBe(isValid)
      expect(!readAnswer(changed).includes(INVALID), field).toBe(isValid)
    }
  })
})
