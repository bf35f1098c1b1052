// What happens in a run, drawn from its seed before it starts, so that nothing in it depends on the machine's speed.
import { Dice } from '../support/dice.js'

/** Disturbances that end or stop a process. `server` needs one that may be killed. */
const KILLS = {
  'kill worker': 30,
  'terminate worker': 15,
  'freeze worker': 10,
  'kill scheduler': 8,
  'terminate scheduler': 3,
  'freeze scheduler': 3,
  'kill import': 8,
  'kill command': 8,
  'kill provider': 4,
  'kill server': 8,
} as const

/** What else happens. */
const MOVES = {
  fault: 14,
  retry: 8,
  pause: 4,
  clear: 4,
  rebuild: 4,
  adjust: 8,
  refund: 16,
  cancel: 8,
  'receiver down': 4,
} as const

type KillName = keyof typeof KILLS
type MoveName = keyof typeof MOVES

export interface Step {
  /** Charges that the provider has answered before it. */
  readonly after: number
  readonly name: KillName | MoveName
  /** Which process or order, how long, and how much: from 0 to below 1. */
  readonly luck: readonly [number, number, number]
}

/** @param kills number of disturbances that end or stop a process */
export function planOf(orders: number, kills: number, seed: number): Step[] {
  const dice = new Dice(seed + 1_000_000)
  const spacing = (0.85 * orders) / (kills + 1)
  let after = 0
  const steps: Step[] = []
  const add = (name: Step['name']) => {
    steps.push({ after: Math.floor(after), name, luck: [dice.next(), dice.next(), dice.next()] })
  }
  for (let kill = 0; kill < kills; kill++) {
    after += 2 * spacing * dice.next()
    add(weighted(dice, KILLS))
    if (dice.chance(0.7)) add(weighted(dice, MOVES))
  }
  return steps
}

function weighted<Name extends string>(dice: Dice, weights: Readonly<Record<Name, number>>): Name {
  const names = Object.keys(weights) as Name[]
  const [first, ...others] = names.flatMap((name) => Array<Name>(weights[name]).fill(name))
  if (first === undefined) throw new RangeError('nothing has a weight')
  return dice.pick([first, ...others])
}
