// What leaves this host is encrypted, unless the configuration allows it otherwise, and goes to a server that was
// verified.
import { expect, test } from 'vitest'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { test as shopTest } from '../support/shop.js'

shopTest.for([
  ['ORDERCTL_REDIS_URL', 'redis://:secret@cache.example.com/0', 'rediss://'],
  ['ORDERCTL_QUEUE_URL', 'redis://10.0.0.7', 'rediss://'],
  ['ORDERCTL_QUEUE_URL', 'amqp://shop:secret@mq', 'amqps://'],
  ['ORDERCTL_NOTIFY_URL', 'http://hooks.example.com/secret', 'https://'],
  ['ORDERCTL_NOTIFY_URL', 'http://127.0.0.1.example.com/', 'https://'],
  // The metadata service of clouds, which gives credentials to anyone on the host. It does not speak TLS.
  ['ORDERCTL_NOTIFY_URL', 'http://169.254.169.254/latest', 'https://'],
  ['ORDERCTL_NOTIFY_URL', 'http://[fe80::1]/', 'https://'],
] as const)('refuses %s=%s without TLS before it connects', async ([name, url, secure], { shop }) => {
  const { code, result } = await shop.jsonWith({ [name]: url }, 'work', '--drain')
  expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'not_encrypted' } } })
  const { message, fix } = (result as { error: { message: string; fix: string } }).error
  expect(message).toContain(name)
  expect(fix).toContain(secure)
  expect(fix).toContain('ORDERCTL_ALLOW_UNENCRYPTED=yes')
  expect(message + fix).not.toContain('secret')
  expect(() => shop.config({ [name]: url, ORDERCTL_ALLOW_UNENCRYPTED: 'yes' })).not.toThrow()
})

shopTest('uses servers on this host, or with TLS, as they are named', ({ shop }) => {
  const urls = ['redis://localhost', 'redis://127.0.0.9:1', 'redis://[::1]/2', 'rediss://cache.example.com']
  for (const url of urls) expect(() => shop.config({ ORDERCTL_REDIS_URL: url })).not.toThrow()
  for (const url of ['amqp://localhost', 'amqps://mq.example.com', 'postgres://db.example.com/queue'])
    expect(() => shop.config({ ORDERCTL_QUEUE_URL: url })).not.toThrow()
  for (const url of ['http://localhost:1/', 'https://hooks.example.com/'])
    expect(() => shop.config({ ORDERCTL_NOTIFY_URL: url })).not.toThrow()
})

/** The parameters of the URL that the client gets. */
const parametersOf = (url: string) => {
  const address = readDatabaseAddress(url)
  return 'url' in address ? Object.fromEntries(new URL(address.url).searchParams) : {}
}

test.for([
  ['db.example.com/shop', { sslmode: 'verify-full' }],
  ['u:p%40@10.0.0.7:1/shop?sslmode=', { sslmode: 'verify-full' }],
  ['db/shop?application_name=a', { application_name: 'a', sslmode: 'verify-full' }],
  ['db/shop?sslmode=require', { sslmode: 'verify-full' }],
  ['db/shop?sslmode=disable', { sslmode: 'disable' }],
  ['db/shop?sslrootcert=ca.pem', { sslrootcert: 'ca.pem' }],
  ['localhost/shop', {}],
  ['%2Frun%2Fpostgresql/shop', {}],
  ['localhost/shop?host=/run/postgresql', { host: '/run/postgresql' }],
  // pg connects to the host of the parameter.
  ['localhost/shop?host=db', { host: 'db', sslmode: 'verify-full' }],
] as const)('postgres://%s uses TLS unless it is local or says otherwise', ([rest, expected]) => {
  expect(parametersOf(`postgres://${rest}`)).toEqual(expected)
})

test.for([
  ['db.example.com/shop', { verifyIdentity: true }],
  ['db/shop?ssl=true', { verifyIdentity: true }],
  ['localhost/shop?ssl={}', { verifyIdentity: true }],
  ['db/shop?ssl={"minVersion":"TLSv1.3"}', { verifyIdentity: true, minVersion: 'TLSv1.3' }],
  ['db/shop?ssl={"rejectUnauthorized":false}', { verifyIdentity: false, rejectUnauthorized: false }],
  ['db/shop?ssl=false', false],
  ['127.0.0.1/shop', undefined],
] as const)('mysql://%s uses TLS unless it is local or says otherwise', ([rest, expected]) => {
  for (const scheme of ['mysql', 'mariadb']) {
    const { ssl } = parametersOf(`${scheme}://${rest}`)
    expect(ssl === undefined ? ssl : JSON.parse(ssl)).toEqual(expected)
  }
})
