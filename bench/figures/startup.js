// Start-up: the shortest commands, compared with Node alone and with an oclif program of one empty command.
import { fileURLToPath } from 'node:url'
import { withVersion } from '../peers/versions.js'
import { orderctl, runNode } from '../program.js'

const BARE_OCLIF = fileURLToPath(new URL('../peers/bare-oclif/run.js', import.meta.url))
const ORDERS = 500
const KPIS = ['kpis', 'daily', '--date', '2025-01-01']

export function startupFigures({ shops }) {
  return [
    started(shops, ['--version'], [{ ...node, target: 1.8 }, oclif]),
    started(shops, KPIS, [{ ...node, target: 2.6 }, oclif]),
  ]
}

/** For the guard, which compares CPU time: Node alone takes too little of it to compare with. */
export function guardedStart(shops) {
  return started(shops, KPIS, [{ ...oclif, target: 2 }])
}

const node = { name: 'node -e 0', run: ({ folder }) => runNode(['--eval', '0'], { folder }) }
const oclif = {
  name: `an empty command of ${withVersion('oclif', '@oclif/core')}`,
  run: ({ folder }) => runNode([BARE_OCLIF, 'nothing'], { folder }),
}

function started(shops, args, peers) {
  return {
    name: `${args.slice(0, 2).join(' ')}, start to end`,
    compare: 'time',
    repeat: 3,
    subject: onDrained(shops, ORDERS, ...args),
    peers,
  }
}

/** A command that reads a database of settled orders. */
export function onDrained(shops, orders, ...args) {
  return {
    name: args.join(' '),
    prepare: async (folder) => ({ ...(await shops.drained(orders)).scene, folder }),
    run: (scene) => orderctl(scene, ...args),
  }
}
