// Measures a figure: the subject and its peers take turns, and each round starts with another one, so that changes of
// the machine's speed affect all of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cpuSeconds, orderctl } from './program.js'

/**
 * @typedef {object} Scene what a side prepares for one run
 * @property {string} folder is empty, and removed afterwards
 * @property {Record<string, string>} [environment]
 * @property {() => unknown} [close]
 *
 * @typedef {object} Side the subject of a figure, or a peer
 * @property {string} name
 * @property {number} [amount] of lines or orders that a run takes, if not the figure's
 * @property {number} [target] the value that the subject aims at, compared with this peer
 * @property {string} [needs] what is missing if it cannot run
 * @property {boolean} [audits] whether `rebuild --check` has to pass after the last run
 * @property {(folder: string) => Promise<Scene | undefined>} [prepare] is not timed; undefined if it cannot run here
 * @property {(scene: Scene) => Promise<{ seconds: number, peak?: number } | undefined>} run
 *
 * @typedef {object} Figure
 * @property {string} name
 * @property {'speed' | 'time' | 'above'} compare how many times as fast as the peer it is, how many times as long it
 *   takes, or how many seconds longer
 * @property {'cpu' | 'seconds'} [by] CPU time, or wall time (the default)
 * @property {number} [amount] of lines or orders in a run
 * @property {string} [unit] of the amount
 * @property {number} [repeat] how many times as many rounds it needs, because a run is short
 * @property {number} [rounds] a fixed number of rounds
 * @property {number} [memory] the most that the subject should take, in MB
 * @property {Side} subject
 * @property {Side[]} peers
 */

/**
 * @param {Figure} figure @param {{ rounds: number, folder: string }} options
 * @returns rows for the table, and the names of what could not run
 * @throws if a command fails, or the audit of a database that it wrote
 */
export async function measure(figure, { rounds, folder }) {
  const sides = [figure.subject, ...figure.peers]
  const samples = new Map(sides.map((side) => [side, []]))
  const count = figure.rounds ?? rounds * (figure.repeat ?? 1)
  for (let round = 0; round < count && samples.has(figure.subject); round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const side = sides[(round + turn) % sides.length]
      if (!samples.has(side) || !samples.has(figure.subject)) continue
      const sample = await runOnce(side, folder, round === count - 1)
      if (sample) samples.get(side).push({ ...sample, amount: side.amount ?? figure.amount ?? 1 })
      else samples.delete(side)
    }
  }
  if (!samples.has(figure.subject)) return { rows: [], missing: [`${figure.name} (needs ${figure.subject.needs})`] }
  const missing = figure.peers.filter((peer) => !samples.has(peer)).map(({ name, needs }) => `${name} (needs ${needs})`)
  return { rows: rowsOf(figure, samples), missing }
}

async function runOnce(side, parent, isLast) {
  const folder = mkdtempSync(join(parent, 'run-'))
  let scene
  try {
    scene = side.prepare ? await side.prepare(folder) : { folder }
    if (!scene) return undefined
    const before = cpuSeconds()
    const sample = await side.run(scene)
    const cpu = before === undefined ? undefined : cpuSeconds() - before
    if (isLast && side.audits) await orderctl(scene, 'rebuild', '--check')
    return sample && { ...sample, cpu: cpu ?? sample.seconds }
  } finally {
    await scene?.close?.()
    rmSync(folder, { recursive: true, force: true })
  }
}

function rowsOf(figure, samples) {
  const { name, unit, by = 'seconds', compare, subject, memory } = figure
  const peers = figure.peers.filter((peer) => samples.has(peer))
  const own = samples.get(subject)
  const summary = (side) => ({
    seconds: median(samples.get(side).map((sample) => sample[by])),
    rate: unit && median(samples.get(side).map((sample) => sample.amount / sample[by])),
  })
  const peak = own[0].peak && median(own.map((sample) => sample.peak))
  const base = { figure: name, unit, by, ...summary(subject), peak }
  const compared = peers.map((peer) => {
    const theirs = samples.get(peer)
    const value = median(own.map((sample, round) => COMPARED[compare](sample, theirs[round], by)))
    return { ...base, compare, value, ...judged(compare, value, peer.target), peer: peer.name, theirs: summary(peer) }
  })
  const bytes = memory && peak && { compare: 'memory', value: peak, ...judged('memory', peak, memory * 1e6) }
  const rest = bytes ?? (compared.length === 0 ? {} : undefined)
  return rest ? [...compared, { ...base, ...rest }] : compared
}

const COMPARED = {
  speed: (ours, theirs, by) => ours.amount / ours[by] / (theirs.amount / theirs[by]),
  time: (ours, theirs, by) => ours[by] / theirs[by],
  above: (ours, theirs, by) => ours[by] - theirs[by],
}

/** A speed aims at least at its target, everything else at most. */
function judged(compare, value, target) {
  if (target === undefined) return {}
  return { target, met: compare === 'speed' ? value >= target : value <= target }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2
}
