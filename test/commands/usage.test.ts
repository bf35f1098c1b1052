// What a person sees after a typo: in a command, a flag or a value.
import { existsSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

const SCREENS: readonly (readonly [args: string, screen: string])[] = [
  [
    'ordres list',
    `Error: Unknown command "ordres list".
Did you mean "orderctl orders list"? List the commands with: orderctl help
`,
  ],
  [
    'leaderbord',
    `Error: Unknown command "leaderbord".
Did you mean "orderctl leaderboard"? List the commands with: orderctl help
`,
  ],
  [
    '--verbose status',
    'Error: The command is missing before --verbose.\nPut flags after the command. List the commands with: orderctl help\n',
  ],
  [
    'queue --log-format=text pause',
    `Error: The command is missing before --log-format=text.
Put flags after the command. List the commands with: orderctl help queue
`,
  ],
  ['xyzzy', 'Error: Unknown command "xyzzy".\nList the commands with: orderctl help\n'],
  [
    'orders list --staus failed',
    `Error: Unknown flag --staus.
Did you mean "--status"? For the usage, run orderctl orders list --help.
`,
  ],
  [
    'orders list --limit abc',
    `Error: --limit must be all or a whole number from 1 to 999,999,999; got abc
For the usage, run orderctl orders list --help.
`,
  ],
  [
    'import undo sample.csv',
    `Error: ID must be a whole number from 1 to 999,999,999; got sample.csv
For the usage, run orderctl import undo --help.
`,
  ],
  [
    'backup --keep 0 /mnt/backups/',
    'Error: --keep must be a whole number from 1 to 999,999,999; got 0\nFor the usage, run orderctl backup --help.\n',
  ],
  [
    'work --concurrency 0',
    'Error: --concurrency must be a whole number from 1 to 1,000; got 0\nFor the usage, run orderctl work --help.\n',
  ],
  [
    'orders list --status pendng',
    `Error: --status must be one of pending, reserved, payment_processing, completed, failed, rolled_back; got pendng
Did you mean "pending"? For the usage, run orderctl orders list --help.
`,
  ],
  [
    'orders list --status done',
    `Error: --status must be one of pending, reserved, payment_processing, completed, failed, rolled_back; got done
For the usage, run orderctl orders list --help.
`,
  ],
  [
    'orders export --settled-since soon',
    `Error: --settled-since "soon" is invalid; expected a day or an age.
Use a day (2026-03-04, yesterday, monday), or an age such as 90m, 24h or 7d.
`,
  ],
  [
    'orders archive --before tomorrow --to old.jsonl --yes',
    `Error: --before "tomorrow" is invalid; expected a day.
Use a day up to today, such as 2025-01-01, yesterday or monday.
`,
  ],
  ['orders show', 'Error: Missing ID.\nFor the usage, run orderctl orders show --help.\n'],
  ['products adjust X 1', 'Error: Missing --reason.\nFor the usage, run orderctl products adjust --help.\n'],
  ['orders list all', 'Error: Unexpected argument: all\nFor the usage, run orderctl orders list --help.\n'],
  [
    'import orders.csv --dry-run --resume',
    'Error: --resume cannot be used with --dry-run.\nFor the usage, run orderctl import --help.\n',
  ],
  ['restore a.sqlite --yes', 'Error: --yes needs --replace.\nFor the usage, run orderctl restore --help.\n'],
]

const ROOT_HELP = `Import CSV orders, charge them and update stock

USAGE
  $ orderctl COMMAND [flags]

EXAMPLES
  $ orderctl import orders.csv        Import the orders of a CSV file
  $ orderctl work --drain             Charge them and settle them, then exit
  $ orderctl kpis daily               Show what was sold

FIRST STEP
  $ orderctl import orders.csv --dry-run    Check a file; writes nothing

ORDERS IN
  import     Import orders, list and undo imports
  orders     List, show, cancel, refund, export and archive orders
  products   Import, list and adjust products
  customers  Forget customers

WORK
  work    Process orders: reserve stock, charge and settle
  queue   Pause, resume or empty the queue
  failed  List, retry, resolve or clear failed orders

REPORTS
  status       Show the queue, orders, workers and alarms
  kpis         Show revenue, orders and customers by day
  leaderboard  Show top customers and products
  audit        List what people changed

KEEP IT RUNNING
  schedule      Run and list scheduled tasks
  notify        List, repeat and test events of orders
  rebuild       Recalculate derived data and check the database
  backup        Back up a SQLite database
  restore       Restore a backup
  migrate       Apply database migrations
  doctor        Check the installation, servers, database and queue
  config        Show every setting and where its value comes from
  autocomplete  Print a shell completion script
  version       Show the version

Help on a command: orderctl help COMMAND
`

const PAUSE_HELP = `Stop workers from claiming orders

USAGE
  $ orderctl queue pause [flags]

GLOBAL FLAGS
  --json                 print one JSON document; --json=FIELD,… picks fields
  --log-format=<option>  format of notes and errors on stderr: text, or one JSON
                         object per line [default: text]
                         <options: text|json>
  --verbose              print how many statements the database ran, their time,
                         and connections and retries

DESCRIPTION
  Workers finish the batches in progress. The queue stays paused until "queue
  resume", even after a restart.

EXAMPLES
  $ orderctl queue pause

  $ orderctl queue pause --json

JSON FIELDS
  Pick some with --json=FIELD,…: paused

`

describe.concurrent('after a typo', () => {
  test.for(SCREENS)('"%s" shows what was meant', async ([args, screen], { newShop: shop }) => {
    expect(await shop.run(...args.split(' '))).toEqual({ code: 2, stdout: '', stderr: screen })
  })

  test('an unknown command is JSON on stderr with --json', async ({ newShop: shop }) => {
    const outcome = await shop.run('ordres', 'list', '--json')
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(outcome.stderr)).toEqual({
      error: {
        code: 'unknown_command',
        message: 'Unknown command "ordres list".',
        fix: 'Did you mean "orderctl orders list"? List the commands with: orderctl help',
        retryable: false,
      },
    })
  })
})

describe.concurrent('a mistyped setting', () => {
  const typo = { ORDERCTL_DATABSE_URL: 'sqlite:other', ORDERCTL_TIMEZONE: 'Europe/Berlin' }
  const screen = `Error: Unknown setting in the environment: ORDERCTL_DATABSE_URL, ORDERCTL_TIMEZONE.
Rename ORDERCTL_DATABSE_URL to ORDERCTL_DATABASE_URL, ORDERCTL_TIMEZONE to ORDERCTL_TIME_ZONE, or unset it.
`
  test.for(['status', 'config', 'doctor', 'import orders.csv', 'work --drain'])(
    'in the environment stops "%s"',
    async (args, { newShop: shop }) => {
      expect(await shop.runWith(typo, ...args.split(' '))).toEqual({ code: 2, stdout: '', stderr: screen })
      expect(existsSync(shop.path)).toBe(false)
    },
  )

  test.for(['status', 'config', 'doctor'])('in the file stops "%s"', async (command, { newShop: shop }) => {
    shop.file('orderctl.config.json', '{"inventory": {"unknwonSku": "reject"}}')
    expect(await shop.json(command)).toMatchObject({
      code: 2,
      result: {
        error: { code: 'unknown_key', message: expect.stringMatching(/Did you mean "inventory\.unknownSku"/) },
      },
    })
  })

  test('does not stop help, the version and completion', async ({ newShop: shop }) => {
    for (const args of [['--help'], ['--version'], ['status', '--help'], ['autocomplete', 'bash']])
      expect(await shop.runWith(typo, ...args)).toMatchObject({ code: 0, stderr: '' })
  })

  test('is no name that only starts like ours', async ({ shop }) => {
    expect((await shop.runWith({ ORDERCTL_SERVICE_HOST: '10.0.0.1' }, 'status')).code).toBe(0)
  })
})

describe.concurrent('help', () => {
  test('of orderctl starts with examples and groups commands by what people do', async ({ newShop: shop }) => {
    const { stdout } = await shop.run('help')
    expect(stdout).toBe(ROOT_HELP)
    for (const args of [[], ['--help'], ['-h']]) expect(await shop.run(...args)).toMatchObject({ code: 0, stdout })
  })

  test('of a topic and a command is the same in each form', async ({ newShop: shop }) => {
    for (const words of [['orders'], ['queue', 'pause']]) {
      const help = await shop.run('help', ...words)
      expect(help).toMatchObject({ code: 0, stderr: '' })
      for (const flag of ['--help', '-h']) expect(await shop.run(...words, flag)).toEqual(help)
    }
    expect((await shop.run('help', 'queue', 'pause')).stdout).toBe(PAUSE_HELP)
    expect(await shop.run('help', 'ordres')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('orderctl orders"'),
    })
  })

  test('the version has one form for people and one for scripts', async ({ newShop: shop }) => {
    const version = await shop.run('version')
    expect(version).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^orderctl \d+\.\d+\.\d+ \(Node\.js .*\)\n$/),
    })
    for (const flag of ['-v', '--version']) expect(await shop.run(flag)).toEqual(version)
    expect(await shop.json('--version')).toEqual(await shop.json('version'))
  })
})

describe.concurrent('--json FIELDS', () => {
  test('picks fields of each row of a list', async ({ shop }) => {
    shop.order('1')
    shop.order('2', { status: 'failed' })
    const result = { total: 2, orders: expect.arrayContaining([{ order_id: '2', status: 'failed' }]) }
    for (const args of [['--json=order_id,status'], ['--json', 'order_id,status']]) {
      const { code, stdout } = await shop.run('orders', 'list', ...args)
      expect({ code, result: JSON.parse(stdout) }).toEqual({ code: 0, result })
    }
  })

  test('picks fields of a document, and leaves an argument after --json alone', async ({ shop }) => {
    shop.order('1')
    const { stdout } = await shop.run('orders', 'show', '--json=order_id,status', '1')
    expect(JSON.parse(stdout)).toEqual({ order_id: '1', status: 'pending' })
    expect(JSON.parse((await shop.run('orders', 'show', '--json', '1')).stdout)).toMatchObject({
      order_id: '1',
      total: 25,
    })
  })

  test('refuses an unknown field and lists the known ones, before anything runs', async ({ newShop: shop }) => {
    const { code, stdout, stderr } = await shop.run('products', 'list', '--json=sku,nmae')
    expect({ code, stdout, error: JSON.parse(stderr) }).toEqual({
      code: 2,
      stdout: '',
      error: {
        error: {
          code: 'unknown_field',
          message: 'Unknown JSON field "nmae". Did you mean "name"?',
          fix: 'Fields: sku, name, on_hand, reserved, available.',
          retryable: false,
        },
      },
    })
    const help = await shop.run('products', 'list', '--help')
    expect(help.stdout).toContain(
      'JSON FIELDS\n  Pick some with --json=FIELD,…: sku, name, on_hand, reserved, available\n',
    )
  })
})
