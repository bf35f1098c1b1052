// A database server that answers and takes no changes: a worker waits for it and goes on over other sessions.
import { expect } from 'vitest'
import { askServer } from '../support/ask-server.js'
import type { ServerEngine } from '../support/database-servers.js'
import { describeOnServerEngines, type EnginePlace } from '../support/engine-place.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { until } from '../support/until.js'
import { csv, line } from '../support/workplace.js'

const SLOW = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '150',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

const ORDERS = 300

const orders = () => csv(...Array.from({ length: ORDERS }, (_, index) => line({ order: `A-${index}` })))

const completed = async (place: EnginePlace) =>
  Number(await place.value("select count(*) from orders where status = 'completed'"))

async function expectEachChargedOnce(place: EnginePlace): Promise<void> {
  expect(await place.statuses()).toEqual({ completed: ORDERS })
  expect(await place.value("select count(*) from payments where status = 'captured'")).toBe(ORDERS)
  await place.expectAuditClean()
}

const timesIn = (text: string, part: string) => text.split(part).length - 1

/** Sessions that the user `standby` opens from now on are read-only for good; those that stand are ended. */
const DEMOTE: Record<ServerEngine, readonly string[]> = {
  postgres: [
    'alter role standby set default_transaction_read_only = on',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'standby'",
  ],
  mysql: ["set global init_connect = 'set session transaction read only'", 'kill user standby'],
}

const PROMOTE: Record<ServerEngine, string> = {
  postgres: 'alter role standby reset default_transaction_read_only',
  mysql: "set global init_connect = ''",
}

describeOnPrivateServers('a server', (test) => {
  test('whose sessions are read-only for a while: a drain waits, opens others and goes on', async ({
    server,
    place,
    onTestFinished,
  }) => {
    const engine = server.product === 'PostgreSQL' ? 'postgres' : 'mysql'
    const promote = () => askServer(server.urlWith(), PROMOTE[engine])
    onTestFinished(async () => {
      await promote()
    })
    await promote()
    await place.importing(orders())
    const environment = { ...SLOW, ORDERCTL_DATABASE_URL: server.urlWith({ username: 'standby' }) }
    const worker = place.start(environment, 'work', '--drain', '--concurrency', '2')
    await until(async () => (await completed(place)) > 0)
    for (const statement of DEMOTE[engine]) await askServer(server.urlWith(), statement)
    await worker.saw('takes no changes')
    await promote()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(timesIn(stderr, 'takes no changes')).toBe(1)
    expect(timesIn(stderr, 'The database is back')).toBe(1)
    await expectEachChargedOnce(place)
  })
})

interface Refusal {
  readonly fault: string
  readonly told: string
  /** What the worker waits for, and what it says when it goes on. */
  readonly waits?: readonly [wait: string, back: string]
  /** As the statement in a trigger that answers so. */
  readonly raise: Record<ServerEngine, string>
}

const raised = (postgres: string, mysql: number) => ({
  postgres: `raise exception 'it said so' using errcode = '${postgres}'`,
  mysql: `signal sqlstate 'HY000' set mysql_errno = ${mysql}, message_text = 'it said so'`,
})

const REFUSALS: readonly Refusal[] = [
  {
    fault: 'a full disk',
    told: 'has no space left',
    waits: ['Waiting for space', 'There is space again'],
    raise: raised('53100', 1114),
  },
  { fault: 'too little memory', told: 'is out of memory', raise: raised('53200', 1041) },
  { fault: 'a limit', told: 'has reached a limit', raise: raised('53400', 1203) },
  { fault: 'a standby', told: 'takes no changes', raise: raised('25006', 1290) },
]

describeOnServerEngines(
  'changes that are refused for a while because of',
  (test, engine) => {
    for (const { fault, told, waits: [wait, back] = ['Waiting for it', 'The database is back'], raise } of REFUSALS) {
      test(`${fault}: a drain waits, says so once, and goes on`, async ({ place }) => {
        await place.importing(orders())
        const worker = place.start(SLOW, 'work', '--drain', '--concurrency', '2')
        await until(async () => (await completed(place)) > 0)
        await refuseUpdates(place, engine, raise[engine])
        await worker.saw(told)
        await place.rows(`drop trigger refusing${engine === 'postgres' ? ' on orders' : ''}`)
        const { code, stderr } = await worker.ended
        expect(code, stderr).toBe(0)
        expect(timesIn(stderr, wait)).toBe(1)
        expect(timesIn(stderr, back)).toBe(1)
        await expectEachChargedOnce(place)
      })
    }
  },
  { concurrent: true },
)

async function refuseUpdates(place: EnginePlace, engine: ServerEngine, statement: string): Promise<void> {
  if (engine === 'postgres') {
    await place.rows(`create function refuse() returns trigger language plpgsql as 'begin ${quoted(statement)}; end'`)
    await place.rows('create trigger refusing before update on orders for each row execute function refuse()')
  } else await place.rows(`create trigger refusing before update on orders for each row ${statement}`)
}

const quoted = (text: string) => text.replaceAll("'", "''")
