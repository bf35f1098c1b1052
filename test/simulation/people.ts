// The people of a simulated shop and its scheduled tasks: commands at random times, each in a process of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { auditDatabase } from '../../src/audit/audit.js'
import { rebuild } from '../../src/audit/rebuild.js'
import { type Database, explainDatabaseError } from '../../src/database/connection.js'
import { endSettlements } from '../../src/database/settlement-time.js'
import type { IdempotencyKey, OrderId } from '../../src/domain/ids.js'
import { REVIEW_REASONS } from '../../src/domain/order.js'
import { UserError } from '../../src/errors.js'
import { adjustStock } from '../../src/inventory/products.js'
import type { Gateway } from '../../src/payments/gateway.js'
import type { Queue } from '../../src/queue/queue.js'
import { cancelOrders } from '../../src/workflow/cancel.js'
import { expireReservations } from '../../src/workflow/expire.js'
import { chooseFailures, clearFailures, retryFailures } from '../../src/workflow/failures.js'
import { finishDueRefunds, refundOptionsOf } from '../../src/workflow/refund.js'
import { refundOrders } from '../../src/workflow/refund-orders.js'
import { resolveOrders } from '../../src/workflow/resolve.js'
import type { Scene } from './worker-process.js'
import { Actor } from './world.js'

interface Command {
  readonly scene: Scene
  readonly db: Database
  readonly queue: Queue
  readonly gateway: Gateway
}

type Act = (command: Command) => Promise<unknown>

const COMMANDS = {
  cancel: ({ scene, db }) => cancelOrders(db, someOrders(scene, "status in ('pending', 'payment_processing')")),
  retry: async ({ scene, db, queue }) => {
    const { ids } = await chooseFailures(db, 'retry', { limit: scene.world.dice.between(1, 6) })
    await retryFailures(db, queue, ids, scene.world.dice.pick([0, 0, 1000]))
  },
  clear: async ({ db }) => clearFailures(db, (await chooseFailures(db, 'clear', { limit: 2 })).ids),
  refund: async ({ scene, db, gateway }) => {
    const { dice } = scene.world
    const ids = someOrders(scene, "status = 'completed'")
    const amount = dice.chance(0.5) ? '1.50' : undefined
    const request = { amount, restock: amount === undefined && dice.chance(0.5), isDryRun: false }
    await refundOrders(db, gateway, ids, request, refundOptionsOf(scene.config))
  },
  resolve: ({ scene, db }) => resolveOne(scene, db),
  adjust: ({ scene: { world }, db }) =>
    adjustStock(db, `SKU-${world.dice.between(1, 3)}`, { delta: world.dice.pick([-2, -1, 3]) }, 'stocktake'),
  pause: async ({ queue }) => {
    await queue.pause()
    await sleep(1000)
    await queue.resume()
  },
  clearQueue: async ({ db, queue }) => {
    await queue.clear()
    await rebuild(db, queue, 'queue', 'UTC')
  },
  rebuild: ({ db, queue }) => rebuild(db, queue, 'all', 'UTC'),
  expire: ({ db }) => expireReservations(db),
  export: ({ db }) => endSettlements(db),
  finishRefunds: ({ scene, db, gateway }) => finishDueRefunds(db, (use) => use(gateway), refundOptionsOf(scene.config)),
  audit: async ({ scene, db }) => {
    const { checks } = await auditDatabase(db, 'UTC')
    for (const { name, ok, examples } of checks) {
      if (!ok) scene.violations.push(`rebuild --check finds ${name}: ${examples.join(', ')}`)
    }
  },
} satisfies Record<string, Act>

/** What people do once everything works again. */
const RECOVERY = {
  resume: ({ queue }) => queue.resume(),
  rebuild: COMMANDS.rebuild,
  retryReviews: async ({ db, queue }) => {
    for (const reason of REVIEW_REASONS) {
      await retryFailures(db, queue, (await chooseFailures(db, 'retry', { reason })).ids)
    }
  },
  finishRefunds: async ({ scene, db, gateway }) => {
    const open = "id in (select order_id from refunds where status in ('pending', 'unknown'))"
    const request = { restock: false, isDryRun: false }
    await refundOrders(db, gateway, ordersWhere(scene, open), request, refundOptionsOf(scene.config))
  },
} satisfies Record<string, Act>

type CommandName = keyof typeof COMMANDS

const COMMAND_NAMES = Object.keys(COMMANDS) as [CommandName, ...CommandName[]]

/** The commands that change orders are the most frequent. */
const FREQUENT = ['cancel', 'retry', 'retry', 'retry', 'refund', 'resolve'] as const

/** Runs a random command. */
export function runSomeCommand(scene: Scene, skewMs: number): Actor {
  const { dice } = scene.world
  const name = dice.pick(dice.chance(0.6) ? FREQUENT : COMMAND_NAMES)
  return run(scene, new Actor(name, { skewMs }), COMMANDS[name])
}

/** Resolves when people have done all they can. */
export async function recover(scene: Scene): Promise<void> {
  for (const [name, act] of Object.entries<Act>(RECOVERY)) {
    const actor = run(scene, new Actor(name), act)
    await scene.world.runUntil(() => !actor.isAlive)
  }
}

/** Runs a command to its end, or to the crash of its process. */
function run(scene: Scene, actor: Actor, act: Act): Actor {
  const { world, store, provider, config, violations } = scene
  world.as(actor, () => {
    const db = store.connect(actor)
    const gateway = provider.connect(actor, { maxInFlight: 3 })
    act({ scene, db, queue: scene.queueOf(db), gateway })
      .catch((error: unknown) => {
        if (error instanceof UserError || explainDatabaseError(error, config.database)) return
        violations.push(`${actor.name} failed: ${error}`)
      })
      .finally(() => {
        store.disconnect(actor)
        world.schedule(world.outside, 0, 'exit', () => world.crash(actor))
      })
  })
  return actor
}

function ordersWhere({ store }: Scene, condition: string): OrderId[] {
  return store.rows<{ id: OrderId }>(`select id from orders where ${condition} order by id`).map(({ id }) => id)
}

function someOrders(scene: Scene, condition: string): OrderId[] {
  return scene.world.dice.some(ordersWhere(scene, condition), 2)
}

/** Looks an order that needs review up at the provider, and states what is there. Leaves it while a request is open. */
async function resolveOne({ store, provider, world }: Scene, db: Database): Promise<void> {
  const unresolved = store.rows<{ id: OrderId; key: IdempotencyKey }>(
    `select orders.id, idempotency_key as key from orders join payments on order_id = orders.id
       and payments.attempt = orders.attempt
     where reason in ('payment_unknown', 'poison') and settled_at is null order by orders.id`,
  )
  const seen = unresolved.filter(({ key }) => !provider.isAwaiting(key))
  const [first, ...others] = seen
  if (!first) return
  const { id, key } = world.dice.pick([first, ...others])
  const entry = provider.ledger.get(key)
  await resolveOrders(db, [id], entry?.status === 'captured' ? { captured: new Map([[id, entry.reference]]) } : {})
}
