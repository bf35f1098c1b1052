// Faults that a test must notice: each breaks one guarantee of docs/architecture.md by a change that a person could make.

export interface Mutant {
  /** What no longer holds. */
  readonly name: string
  /** Below src. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  /** Test files, below test. */
  readonly tests: readonly string[]
  /** Part of the names of the tests in these files that are run. */
  readonly named: string
}

const LEASES: readonly Mutant[] = [
  {
    name: 'fence: a batch settles orders whose lease it has lost',
    file: 'workflow/lease.ts',
    find: `.where('lease_token', '=', value('token')),
  'wait',`,
    replace: `,
  'wait',`,
    tests: ['workflow/claim.test.ts'],
    named: 'settles only the orders that its lease still holds',
  },
  {
    name: 'fence: a refund is settled by a process that has lost it',
    file: 'workflow/refund-settle.ts',
    find: `.where(isAmong(trx, 'order_id', all))
      .where('lease_token', '=', token)`,
    replace: `.where(isAmong(trx, 'order_id', all))`,
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'SQLite: refunds of a process that lost its lease change nothing',
  },
  {
    name: 'fence: a scheduled task is recorded by a run that was taken over',
    file: 'schedule/task-runs.ts',
    find: 'const fenceOf = ({ task, slot, attempt }: Run) => ({ task, slot, attempt })',
    replace: 'const fenceOf = ({ task, slot }: Run) => ({ task, slot })',
    tests: ['schedule/runner.test.ts'],
    named: 'is taken over when its lease ends',
  },
  {
    name: 'lease: an order is claimed although another batch has it since',
    file: 'workflow/lease.ts',
    find: `.where(isAmong(db, withoutIndex('due_at'), value('times'))),`,
    replace: ',',
    tests: ['workflow/claim.test.ts'],
    named: 'a claim skips',
  },
  {
    name: 'lease: it is not renewed while the gateway is asked',
    file: 'workflow/lease.ts',
    find: '.set({ due_at: (await databaseTime(db)) + leaseMs })',
    replace: `.set((eb) => ({ due_at: eb.ref('due_at') }))`,
    tests: ['workflow/claim.test.ts'],
    named: 'is renewed',
  },
  {
    name: 'lease: charges are asked for after its end',
    file: 'workflow/lease.ts',
    find: 'act(() => performance.now() < until)',
    replace: 'act(() => true)',
    tests: ['workflow/claim.test.ts'],
    named: 'has run out',
  },
  {
    name: 'lease: a slot of the schedule is run while its task is running',
    file: 'schedule/task-runs.ts',
    find: `if (by) return { kind: 'busy', by }`,
    replace: '',
    tests: ['schedule/commands.test.ts', 'schedule/runner.test.ts'],
    named: 'a task',
  },
  {
    name: 'poison: claims are not counted',
    file: 'workflow/lease.ts',
    find: `claims: eb('claims', '+', sql.lit(1))`,
    replace: `claims: eb('claims', '+', sql.lit(0))`,
    tests: ['database/poison.test.ts'],
    named: 'SQLite: an order whose worker died',
  },
  {
    name: 'poison: a charge without an answer counts as a lost claim',
    file: 'workflow/settle.ts',
    find: `due_at: eb.ref('row.due_at'), claims: 0 }`,
    replace: `due_at: eb.ref('row.due_at') }`,
    tests: ['database/poison.test.ts'],
    named: 'SQLite: an order whose worker died',
  },
]

const KEYS: readonly Mutant[] = [
  {
    name: 'key: a charge that is asked for again has a new one',
    file: 'workflow/claim.ts',
    find: 'keyOf.get(id) ?? idempotencyKey(',
    replace: 'idempotencyKey(',
    tests: ['database/shop.test.ts'],
    named: 'SQLite: the identity of a database changes the keys of new charges only',
  },
  {
    name: 'key: an order without an answer gets a new attempt when it is retried',
    file: 'workflow/failures.ts',
    find: `    .set(cleared)
    .where(isAmong(trx, 'id', unanswered))`,
    replace: `    .set((eb) => ({ ...cleared, attempt: eb('attempt', '+', 1) }))
    .where(isAmong(trx, 'id', unanswered))`,
    tests: ['commands/failed.test.ts'],
    named: 'keeps the idempotency key if the payment is unknown',
  },
  {
    name: 'key: a declined order keeps its key when it is retried',
    file: 'workflow/failures.ts',
    find: `status: 'pending', attempt: eb('attempt', '+', 1)`,
    replace: `status: 'pending', attempt: eb('attempt', '+', 0)`,
    tests: ['commands/failed.test.ts'],
    named: 'starts a new attempt',
  },
  {
    name: 'key: orders of two sources share one',
    file: 'domain/ids.ts',
    find: `\${shop}:\${source}:\${reference}:\${attempt}`,
    replace: `\${shop}:default:\${reference}:\${attempt}`,
    tests: ['database/shop.test.ts'],
    named: 'a key',
  },
  {
    name: 'key: two refunds of an order share one',
    file: 'workflow/refund.ts',
    find: 'const number = order.count + 1',
    replace: 'const number = 1',
    tests: ['commands/refunds.test.ts'],
    named: 'refunds a part, then the rest',
  },
  {
    name: 'key: an old one is asked for again without a look-up',
    file: 'workflow/charge.ts',
    find: 'if (!details?.isOld) return',
    replace: 'if (details) return',
    tests: ['payments/trouble.slow.test.ts'],
    named: 'is looked up, and its outcome is taken over',
  },
  {
    name: 'key: an old refund is asked for again without a look-up',
    file: 'workflow/refund.ts',
    find: 'if (now - createdAt < keyLifetimeMs) return',
    replace: 'if (keyLifetimeMs > 0) return',
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'SQLite: refunds older than a day are looked up',
  },
]

const TRANSACTIONS: readonly Mutant[] = [
  {
    name: 'transaction: a settlement that fails is stored in part',
    file: 'workflow/settle.ts',
    find: `  return inTransaction(db, async (trx) => {
    const held`,
    replace: `  return db.connection().execute(async (trx) => {
    const held`,
    tests: ['workflow/claim.test.ts'],
    named: 'a settlement',
  },
  {
    name: 'transaction: a claim that fails is stored in part',
    file: 'workflow/claim.ts',
    find: `  return inTransaction(db, async (trx) => {
    const aside`,
    replace: `  return db.connection().execute(async (trx) => {
    const aside`,
    tests: ['workflow/claim.test.ts'],
    named: 'a claim that fails',
  },
  {
    name: 'transaction: a chunk is stored without the cursor of its import',
    file: 'import/import-orders.ts',
    find: 'await inTransaction(this.#db, (trx) => this.#store(trx, read))',
    replace: 'await this.#store(this.#db, read)',
    tests: ['import/import.test.ts'],
    named: 'without its cursor',
  },
  {
    name: 'transaction: the cursor of an import stays where it was',
    file: 'import/import-orders.ts',
    find: 'byte_offset: cursor.offset,',
    replace: 'byte_offset: run.byte_offset,',
    tests: ['import/import.test.ts'],
    named: 'an import that fills the disk stops',
  },
  {
    name: 'transaction: an order completes although its event cannot be stored',
    file: 'workflow/settle.ts',
    find: `await recordEvents(trx, captured, 'completed')`,
    replace: `await recordEvents(trx, captured, 'completed').catch(() => undefined)`,
    tests: ['workflow/claim.test.ts'],
    named: 'a settlement',
  },
  {
    name: 'transaction: a change by a person is stored without its entry in the audit log',
    file: 'workflow/order-state.ts',
    find: ': inTransaction(db, judgeAndChange)',
    replace: ': db.connection().execute(judgeAndChange)',
    tests: ['commands/resolve.test.ts'],
    named: 'a command that dies in the middle changes nothing',
  },
  {
    name: 'lock: two people who resolve an order do not wait for each other',
    file: 'workflow/order-state.ts',
    find: 'isDryRun ? readStates : lockStates',
    replace: 'isDryRun ? lockStates : readStates',
    tests: ['workflow/cancel-races.slow.test.ts'],
    named: 'of two people who resolve an order differently, one wins',
  },
  {
    name: 'lock: refunds that are asked for at once exceed the payment',
    file: 'workflow/refund.ts',
    find: '    await lockOrders(trx, ids)\n',
    replace: '',
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'that many people ask for at once never exceed the payment',
  },
]

const AMOUNTS: readonly Mutant[] = [
  {
    name: 'stock: an order is served that has too few units',
    file: 'workflow/stock.ts',
    find: 'leftOf(productId) < quantity)',
    replace: 'leftOf(productId) < 0)',
    tests: ['workflow/allocate.test.ts'],
    named: 'an allocation',
  },
  {
    name: 'stock: two batches on a server reserve the same units',
    file: 'workflow/stock.ts',
    find: `const { served, short } = writesAlone(db)
    ?`,
    replace: `const { served, short } = orders.length > 0
    ?`,
    tests: ['database/races.test.ts'],
    named: 'a claim reserves',
  },
  {
    name: 'stock: the database accepts more reserved units than there are',
    file: 'database/migrations/001-first-release.ts',
    find: 'reserved >= 0 and reserved <= on_hand',
    replace: 'reserved >= 0',
    tests: ['database/schema.test.ts'],
    named: 'SQLite: the tables match the dump',
  },
  {
    name: 'stock: declined orders keep their units',
    file: 'workflow/settle.ts',
    find: 'await settleStock(trx, { sold: captured, released: declined })',
    replace: 'await settleStock(trx, { sold: captured, released: [] })',
    tests: ['database/workflow.test.ts'],
    named: 'SQLite: a drain releases the stock of declined orders',
  },
  {
    name: 'stock: an expired reservation is released while its order is charged',
    file: 'workflow/settle.ts',
    find: `.where('orders.status', '=', 'reserved')`,
    replace: `.where('orders.status', 'in', ['reserved', 'payment_processing'])`,
    tests: ['schedule/tasks.test.ts'],
    named: 'rolls back orders whose reservation has expired',
  },
  {
    name: 'payments: the database accepts two captures of an order',
    file: 'database/migrations/001-first-release.ts',
    find: `'payments_captured_once', 'payments', 'order_id').unique()`,
    replace: `'payments_captured_once', 'payments', 'order_id')`,
    tests: ['database/schema.test.ts'],
    named: 'SQLite: the tables match the dump',
  },
  {
    name: 'payments: two orders are captured under one reference',
    file: 'workflow/references.ts',
    find: `.whereRef('known.order_id', '!=', 'row.id')`,
    replace: `.whereRef('known.order_id', '<', 'known.order_id')`,
    tests: ['payments/failures.slow.test.ts'],
    named: 'a reference that another order has',
  },
  {
    name: 'refunds: an order gives back more than was paid',
    file: 'workflow/refundable.ts',
    find: 'if (amount.minor > left.minor) return',
    replace: 'if (amount.minor > order.captured * 2) return',
    tests: ['commands/refunds.test.ts'],
    named: 'refuses with what to do next',
  },
  {
    name: 'refunds: one of unknown outcome does not count',
    file: 'workflow/refundable.ts',
    find: `filterWhere('status', '<>', 'declined').as('taken')`,
    replace: `filterWhere('status', '=', 'refunded').as('taken')`,
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'SQLite: refunds',
  },
  {
    name: 'money: half a cent is rounded down',
    file: 'domain/money.ts',
    find: 'product % divisor >= divisor / 2',
    replace: 'product % divisor > divisor / 2',
    tests: ['domain/money.test.ts'],
    named: 'a line total',
  },
  {
    name: 'reports: the first instant of tomorrow counts as today',
    file: 'reports/kpis.ts',
    find: `.where('settled_at', '<', dayStart`,
    replace: `.where('settled_at', '<=', dayStart`,
    tests: ['reports/kpis.test.ts'],
    named: 'today begins and ends at midnight',
  },
]

const FILES_AND_TEXT: readonly Mutant[] = [
  {
    name: 'import: an order that is stored already is stored again as a conflict',
    file: 'import/verdicts.ts',
    find: `.having((eb) => eb.fn.sum('count'), '!=', 0)`,
    replace: `.having((eb) => eb.fn.sum('count'), '>=', 0)`,
    tests: ['import/import.test.ts'],
    named: 'an import',
  },
  {
    name: 'import: a stored order with another total counts as a duplicate',
    file: 'import/verdicts.ts',
    find: `.having((eb) => eb.fn.sum('count'), '!=', 0)`,
    replace: `.having((eb) => eb.fn.sum('count'), '>', 0)`,
    tests: ['import/import.test.ts'],
    named: 'leaves orders whose content differs',
  },
  {
    name: 'import: orders fall due before their import has ended',
    file: 'import/store.ts',
    find: '  const lines = await addLines(',
    replace: `  await db.insertInto('due_orders').columns(['order_id', 'due_at']).expression((eb) => eb.selectFrom('orders')
    .leftJoin('due_orders as due', 'due.order_id', 'orders.id').where('due.order_id', 'is', null)
    .where('orders.import_id', '=', options.importId).select((e) => ['orders.id', e.lit(1).as('at')])).execute()
  const lines = await addLines(`,
    tests: ['import/import.test.ts'],
    named: 'orders fall due when their import ends, not before',
  },
  {
    name: 'secrets: a password is shown in a URL',
    file: 'config/config.ts',
    find: `'$1***@'`,
    replace: `'$&'`,
    tests: ['database/names.test.ts'],
    named: '',
  },
  {
    name: 'secrets: config shows them',
    file: 'config/config.ts',
    find: `isSecret && text !== '' ? '***'`,
    replace: `isSecret && text === '' ? '***'`,
    tests: ['payments/failures.slow.test.ts'],
    named: 'credentials are never shown',
  },
  {
    name: 'webhooks: the signature does not cover the id',
    file: 'notify/webhook.ts',
    find: `\${id}.\${timestamp}.\${body}`,
    replace: `\${timestamp}.\${body}`,
    tests: ['notify/notify.slow.test.ts'],
    named: 'SQLite: notifications say how each order ended, signed',
  },
  {
    name: 'webhooks: events of an order overtake each other',
    file: 'notify/outbox.ts',
    find: `.whereRef('earlier.number', '<', 'events.number')`,
    replace: `.whereRef('earlier.number', '<', 'earlier.number')`,
    tests: ['notify/notify.slow.test.ts'],
    named: 'SQLite: notifications come in order for each order',
  },
]

export const MUTANTS: readonly Mutant[] = [...LEASES, ...KEYS, ...TRANSACTIONS, ...AMOUNTS, ...FILES_AND_TEXT]
