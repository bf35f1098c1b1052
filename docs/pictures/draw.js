// `npm run pictures`: draws docs/pictures/*.svg from real runs of the built binary in a pseudo-terminal, on a shop that is
// thrown away afterwards. Run it after a change of what the commands print.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawn } from '@lydell/node-pty'
import Headless from '@xterm/headless'
import { writeOrders } from '../../bench/orders-file.js'
import { linesOf, svgOf } from './svg.js'

const COLUMNS = 100
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'orderctl-pictures-'))

try {
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(root, 'bin/run.js'), join(folder, 'bin/orderctl'))
  symlinkSync(join(root, 'sample.csv'), join(folder, 'sample.csv'))
  await writeOrders(join(folder, 'orders.csv'), 400_000)

  draw(
    'session',
    'orderctl import and orderctl work on sample.csv',
    await screenAfter(['orderctl import sample.csv', 'orderctl work --drain'], { rows: 30 }),
  )
  draw(
    'kpis',
    'orderctl kpis range over a week',
    await screenAfter(['orderctl kpis range --from 2026-03-02 --to 2026-03-08'], { rows: 60 }),
  )
  await screenAfter(['ORDERCTL_INITIAL_STOCK=100000 orderctl import orders.csv --source web'], { rows: 30 })
  const worker = terminal('orderctl work', 10, { ORDERCTL_PAYMENT_LATENCY_MS: '40' })
  draw(
    'status',
    'orderctl status --watch while a worker settles orders',
    await screenWhile('orderctl status --watch', 30, 30_000),
  )
  worker.pty.kill('SIGTERM')
  await worker.ended
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function draw(name, title, lines) {
  writeFileSync(join(root, 'docs/pictures', `${name}.svg`), svgOf(lines, COLUMNS, title))
}

/** What the terminal shows after the commands, each with its prompt. */
async function screenAfter(commands, { rows }) {
  const script = commands.map((command) => `printf '\\033[1m$ ${command}\\033[0m\\n'; ${command}; echo`).join('; ')
  const { screen, ended } = terminal(script, rows)
  await ended
  return linesOf(screen)
}

/** What the terminal shows when the command has run for a while. */
async function screenWhile(command, rows, ms) {
  const { screen, pty, ended } = terminal(command, rows)
  await new Promise((passed) => setTimeout(passed, ms))
  const lines = linesOf(screen)
  pty.write('q')
  await ended
  return lines
}

function terminal(script, rows, environment = {}) {
  const screen = new Headless.Terminal({ cols: COLUMNS, rows, allowProposedApi: true })
  const pty = spawn('sh', ['-c', script], {
    name: 'xterm-256color',
    cols: COLUMNS,
    rows,
    cwd: folder,
    env: {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      HOME: folder,
      ORDERCTL_DATABASE_URL: `sqlite:${join(folder, 'shop.sqlite')}`,
      ...environment,
    },
  })
  pty.onData((data) => screen.write(data))
  return { screen, pty, ended: new Promise((done) => pty.onExit(() => screen.write('', done))) }
}
