// A server with a certificate for another host gets nothing, not even a password, from any client.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { describe, expect } from 'vitest'
import { SECRET } from '../support/receiver.js'
import { describeOnServers, makeDatabase } from '../support/servers.js'
import { test as shopTest } from '../support/shop.js'

/** What a server says before TLS begins, and how many bytes the client answers. */
const PREFACES: Readonly<Record<string, { readonly says: Buffer; readonly asksFirst: boolean }>> = {
  postgres: { says: Buffer.from('S'), asksFirst: true },
  mysql: { says: mysqlGreeting(), asksFirst: false },
}

/** A server of that kind, whose certificate is trusted but for another host. */
class Impostor {
  readonly certificate: string
  /** What clients sent through TLS. */
  received = ''
  #handshakes = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(folder: string) {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const subject = ['-subj', '/CN=other.example', '-addext', 'subjectAltName=DNS:other.example']
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-out', cert, '-keyout', key]
    execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' })
    this.certificate = cert
    const identity = { cert: readFileSync(cert), key: readFileSync(key) }
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      const start = () => {
        this.#handshakes += 1
        const secure = new TLSSocket(socket, { isServer: true, ...identity })
        secure.on('error', () => undefined)
        secure.on('data', (data) => {
          this.received += data
        })
      }
      const preface = PREFACES[this.kind]
      if (!preface) return start()
      if (!preface.asksFirst) socket.write(preface.says)
      socket.once('data', () => {
        if (preface.asksFirst) socket.write(preface.says)
        start()
      })
    })
  }

  kind = ''

  get handshakes(): number {
    return this.#handshakes
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

/** The first packet of MySQL's protocol, version 10, of a server that supports TLS. */
function mysqlGreeting(): Buffer {
  const flags = 0x0200 | 0x0800 | 0x8000 | 0x0008 | 0x80000
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.0.36\0', 'latin1'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('12345678\0', 'latin1'),
    Buffer.from([flags & 0xff, (flags >> 8) & 0xff, 45, 2, 0, (flags >> 16) & 0xff, (flags >> 24) & 0xff, 21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0mysql_native_password\0', 'latin1'),
  ])
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body])
}

describe('a certificate for another host', () => {
  const test = shopTest.extend<{ impostor: Impostor }>({
    impostor: async ({ shop }, use) => {
      const impostor = new Impostor(shop.folder)
      await use(impostor)
      impostor.close()
    },
  })

  test.for([
    ['postgres', 'ORDERCTL_DATABASE_URL', 'postgres://shop:PASSWORD@127.0.0.1:PORT/shop?sslmode=require', 2],
    ['mysql', 'ORDERCTL_DATABASE_URL', 'mysql://shop:PASSWORD@127.0.0.1:PORT/shop?ssl={}', 2],
    ['redis', 'ORDERCTL_QUEUE_URL', 'rediss://:PASSWORD@127.0.0.1:PORT', 4],
    ['rabbitmq', 'ORDERCTL_QUEUE_URL', 'amqps://shop:PASSWORD@127.0.0.1:PORT', 4],
    ['gateway', 'ORDERCTL_PAYMENT_GATEWAY', 'https://127.0.0.1:PORT', 4],
  ] as const)('is refused from %s', async ([kind, setting, url, exit], { shop, impostor }) => {
    impostor.kind = kind
    const address = url.replace('PORT', `${await impostor.listen()}`)
    shop.order('A-1')
    const environment = {
      [setting]: address,
      ORDERCTL_PAYMENT_TOKEN: 'PASSWORD',
      NODE_EXTRA_CA_CERTS: impostor.certificate,
    }
    const { code, result } = await shop.jsonWith(environment, 'work', '--drain')
    const { message, fix } = (result as { error: { message: string; fix: string } }).error
    expect({ code, message }).toEqual({ code: exit, message: expect.stringMatching(/altnames|certificate/i) })
    expect(fix).toMatch(/certificate/i)
    expect(impostor.handshakes).toBeGreaterThan(0)
    expect(impostor.received).toBe('')
  })

  test('is refused from a webhook', async ({ shop, impostor }) => {
    const url = `https://127.0.0.1:${await impostor.listen()}/`
    const environment = { ORDERCTL_NOTIFY_URL: url, ORDERCTL_NOTIFY_SECRET: SECRET }
    const trusting = { ...environment, NODE_EXTRA_CA_CERTS: impostor.certificate }
    const { code, stdout } = await shop.runWith(trusting, 'notify', 'test', '--json')
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining('altnames') })
    expect(impostor.received).toBe('')
  })
})

describeOnServers('another host', (engine) => {
  shopTest('is used without TLS only if the URL says so', async ({ newShop }) => {
    // Leads to this host, but is no loopback address.
    const url = (await makeDatabase(engine)).replace('127.0.0.1', '0.0.0.0')
    const refused = await newShop.jsonWith({ ORDERCTL_DATABASE_URL: url }, 'migrate')
    expect(refused).toMatchObject({ code: 2, result: { error: { code: 'database_tls' } } })
    const plain = `${url}?${engine === 'postgres' ? 'sslmode=disable' : 'ssl=false'}`
    const { code, stderr } = await newShop.runWith({ ORDERCTL_DATABASE_URL: plain }, 'migrate')
    expect(code, stderr).toBe(0)
  })
})
