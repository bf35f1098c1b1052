// Faults that a test must notice. Each breaks one guarantee, by a change that a person could make (ADR 33).

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
    tests: ['workflow/batch.test.ts'],
    named: 'the lease of a batch is renewed',
  },
  {
    name: 'lease: charges are asked for after its end',
    file: 'domain/lease-end.ts',
    find: 'process.hrtime.bigint() >= Atomics.load(this.#at, 0)',
    replace: 'false',
    tests: ['workflow/batch.test.ts'],
    named: 'the lease of a batch that ends while the process is suspended',
  },
  {
    name: 'lease: calls go on although a renewal found a row lost',
    file: 'workflow/lease.ts',
    find: 'else end.endNow()',
    replace: '',
    tests: ['workflow/lease.test.ts'],
    named: 'a renewal that finds an order lost ends the lease',
  },
  {
    name: 'lease: a call that waited for others starts after its end',
    file: 'payments/guard.ts',
    find: 'leaseEnd?.hasPassed() ? LATE : call()',
    replace: 'leaseEnd ? call() : call()',
    tests: ['payments/budget.test.ts'],
    named: 'calls that wait for others',
  },
  {
    name: 'lease: a slot of the schedule is run while its task is running',
    file: 'schedule/task-runs.ts',
    find: `if (by) return { kind: 'busy', by }`,
    replace: '',
    tests: ['schedule/commands.test.ts'],
    named: 'refuses a task that runs in another container',
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
    named: 'a key is another one for each shop, source, order and attempt',
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
    find: 'isOld: details?.isOld ?? false',
    replace: 'isOld: false',
    tests: ['payments/trouble.slow.test.ts'],
    named: 'is looked up, and its outcome is taken over',
  },
  {
    name: 'key: an old refund is asked for again without a look-up',
    file: 'payments/ask.ts',
    find: '>= keyLifetimeMs',
    replace: '>= keyLifetimeMs * 1000',
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'SQLite: refunds older than a day are looked up',
  },
  {
    name: 'key: one that a clock ahead dated later than now is asked for again without a look-up',
    file: 'payments/ask.ts',
    find: 'firstUse > now || ',
    replace: '',
    tests: ['workflow/refunds.slow.test.ts'],
    named: 'SQLite: refunds dated later than now',
  },
  {
    name: 'key: a charge is asked for again if a proxy answers 404',
    file: 'payments/http.ts',
    find: 'answer.status === 404 && isNone(answer.body)',
    replace: 'answer.status === 404',
    tests: ['payments/look-up.test.ts'],
    named: 'HTTP 404 with',
  },
  {
    name: 'key: a charge that fails counts as declined',
    file: 'payments/ask.ts',
    find: 'return unknown(asError(error).message)',
    replace: "return { status: 'declined', message: asError(error).message }",
    tests: ['workflow/charges.test.ts'],
    named: 'a gateway that fails leaves the outcome unknown',
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
    tests: ['workflow/batch.test.ts'],
    named: 'a settlement that cannot',
  },
  {
    name: 'transaction: a claim that fails is stored in part',
    file: 'workflow/claim.ts',
    find: `  return inTransaction(db, async (trx) => {
    const aside`,
    replace: `  return db.connection().execute(async (trx) => {
    const aside`,
    tests: ['workflow/batch.test.ts'],
    named: 'a claim that cannot',
  },
  {
    name: 'transaction: a chunk is stored without the cursor of its import',
    file: 'import/import-orders.ts',
    find: 'await inTransaction(this.#db, (trx) => this.#store(trx, read))',
    replace: 'await this.#store(this.#db, read)',
    tests: ['import/import.test.ts'],
    named: 'a chunk is not stored without the cursor after it',
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
    tests: ['workflow/batch.test.ts'],
    named: 'a settlement that cannot store an event changes nothing',
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
    name: 'lock: an order is resolved while a worker charges it',
    file: 'workflow/order-state.ts',
    find: 'dueAt !== null && dueAt > now',
    replace: 'dueAt !== null && dueAt > now + now',
    tests: ['commands/resolve.test.ts'],
    named: 'leaves orders as they are that are settled, not charged yet, or being charged',
  },
  {
    name: 'lock: an order is cancelled that a dead worker may have charged',
    file: 'workflow/never-asked.ts',
    find: '.filter((id) => !marked.has(id))',
    replace: '.filter((id) => marked.has(id))',
    tests: ['workflow/cancel-races.slow.test.ts'],
    named: 'SQLite: an order in progress whose gateway was unreachable',
  },
  {
    name: 'undo: an import is deleted although a worker has claimed one of its orders',
    file: 'import/undo.ts',
    find: 'if (used.total > 0) await endRun(',
    replace: 'if (used.total < 0) await endRun(',
    tests: ['import/undo.test.ts'],
    named: 'that a worker overtook after a crash',
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
    named: 'a claim gets the units that another one leaves',
  },
  {
    name: 'stock: the database accepts more reserved units than there are',
    file: 'database/migrations/001-first-release.ts',
    find: 'reserved >= 0 and reserved <= on_hand',
    replace: 'reserved >= 0',
    tests: ['database/schema.test.ts'],
    named: 'SQLite: the tables refuse stock that does not exist',
  },
  {
    name: 'stock: declined orders keep their units',
    file: 'workflow/settle.ts',
    find: 'changesOfStock({ sold: captured, released: declined })',
    replace: 'changesOfStock({ sold: captured, released: [] })',
    tests: ['database/workflow.test.ts'],
    named: 'SQLite: a drain releases the stock of declined orders',
  },
  {
    name: 'stock: an expired reservation is released while its order is charged',
    file: 'workflow/expire.ts',
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
    named: 'SQLite: the tables refuse stock that does not exist',
  },
  {
    name: 'payments: two orders are captured under one reference',
    file: 'workflow/references.ts',
    find: 'return new Set(taken.map(({ id }) => id))',
    replace: 'return new Set(taken.slice(taken.length).map(({ id }) => id))',
    tests: ['payments/failures.slow.test.ts'],
    named: 'a reference that another order has',
  },
  {
    name: 'refunds: the database accepts two open refunds of an order',
    file: 'database/migrations/001-first-release.ts',
    find: `'refunds_open_once', 'refunds', 'order_id').unique()`,
    replace: `'refunds_open_once', 'refunds', 'order_id')`,
    tests: ['database/schema.test.ts'],
    named: 'SQLite: the tables refuse stock that does not exist',
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
    name: 'money: half a cent is rounded down',
    file: 'domain/money.ts',
    find: 'product % divisor >= divisor / 2',
    replace: 'product % divisor > divisor / 2',
    tests: ['domain/money.test.ts'],
    named: 'a line total',
  },
  {
    name: 'reports: a completed order still counts as one in progress',
    file: 'workflow/settle.ts',
    find: "changes.move(captured, PROCESSING, { status: 'completed', settledAt: now })",
    replace: '',
    tests: ['workflow/batch.test.ts'],
    named: 'that ends while the process is suspended lets it charge nothing more',
  },
  {
    name: 'reports: a cancelled order still counts as pending',
    file: 'workflow/order-state.ts',
    find: 'await recounting(trx, packIds(open), () => change.apply(trx, open))',
    replace: 'await change.apply(trx, open)',
    tests: ['commands/cancel.test.ts'],
    named: 'settles pending orders as failed, takes them out of the queue',
  },
  {
    name: 'reports: the first instant of tomorrow counts as today',
    file: 'reports/kpis.ts',
    find: `.where('period', '<', dayStart`,
    replace: `.where('period', '<=', dayStart`,
    tests: ['reports/kpis.test.ts'],
    named: 'today begins and ends at midnight',
  },
  {
    name: 'reports: an export misses what is settled after the clock was set back',
    file: 'database/settlement-time.ts',
    find: 'Math.max(await databaseTime(trx), Number(row?.value ?? 0) + 1)',
    replace: 'Math.max(await databaseTime(trx), Number(row?.value ?? 0) * 0)',
    tests: ['reports/export.slow.test.ts'],
    named: 'has no gap when the clock is set back',
  },
]

const FILES_AND_TEXT: readonly Mutant[] = [
  {
    name: 'import: an order that is stored already is stored again',
    file: 'import/store.ts',
    find: `.where('orders.id', 'is', null)`,
    replace: '',
    tests: ['import/import.test.ts'],
    named: 'a second import of the same file changes nothing',
  },
  {
    name: 'import: a stored order with other content counts as a duplicate',
    file: 'import/verdicts.ts',
    find: 'await markOrders(db, differing)',
    replace: '',
    tests: ['import/import.test.ts'],
    named: 'a second import leaves orders whose content differs',
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
    tests: ['commands/redis.test.ts'],
    named: 'neither it nor config shows a password',
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
    name: 'files: a spreadsheet runs a cell of a CSV list',
    file: 'terminal/table.ts',
    find: 'escape_formulas: true',
    replace: 'escape_formulas: false',
    tests: ['terminal/table.test.ts'],
    named: 'quotes formulas for spreadsheets',
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
