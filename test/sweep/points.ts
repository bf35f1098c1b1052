// The scenario without a fault, and a step of it with one.
import type { Outcome } from '../support/cli.js'
import { compareMoney, differences, readBooks, readEvents, readReceived } from './books.js'
import type { Lane, State } from './lane.js'
import { SCENARIO, SHOP, type Step } from './scenario.js'

export const FAULTS = ['crash', 'crash-after', 'error', 'errors', 'lost'] as const
export type Fault = (typeof FAULTS)[number]

/** A call of a command, as preloaded/failpoints.js logs it. */
export interface Call {
  readonly number: number
  readonly place: 'sqlite' | 'server' | 'file'
  readonly label: string
  readonly isDurable: boolean
}

export interface RecordedStep {
  readonly step: Step
  readonly calls: readonly Call[]
  /** The shop before the step. */
  readonly before: State
  readonly delivered: readonly string[]
  /** The orders that it prints. */
  readonly printed: readonly string[]
  /** What must be true after the step and a drain. */
  readonly books: readonly string[]
  /** Differences between the provider and us: charges whose outcome only the provider knows, if they reached it. */
  readonly unknown: readonly string[]
}

export interface Point {
  readonly recorded: RecordedStep
  readonly call: Call
  readonly fault: Fault
}

/** Runs the scenario without a fault. */
export async function record(lane: Lane): Promise<RecordedStep[]> {
  const recorded: RecordedStep[] = []
  for (const [index, step] of SCENARIO.entries()) {
    await lane.begin(step)
    await lane.change(step.before ?? [])
    const before = await lane.keep(`before_${index}`)
    const delivered = await lane.ask((rows) => readEvents(rows, 'delivered'), [])
    const outcome = await lane.runStep()
    if (!isDone(outcome, step)) throw new Error(`${step.name} fails without a fault: ${outcome.stderr}`)
    const calls = outcome.calls.map((line) => JSON.parse(line) as Call)
    if (index === 0) await lane.ask((rows) => rows(`update settings set value = '${SHOP}' where name = 'shop'`), [])
    const after = await lane.keep('after')
    await lane.recover()
    const books = await lane.ask(readBooks, [])
    const unknown = await lane.ask((rows) => compareMoney(rows, lane.entries), [])
    recorded.push({ step, calls, before, delivered, printed: printedOrders(outcome.stdout), books, unknown })
    await lane.restore(after)
    await lane.begin(step, after.ledger)
  }
  // The archive, which is last, removes payments from our tables.
  const disputed = recorded.at(-2)?.unknown ?? []
  if (disputed.length > 0) throw new Error(`without a fault, ${disputed.join(', ')}`)
  return recorded
}

/**
 * Runs a step with a fault, then does what a person does.
 *
 * @returns what is wrong afterwards, and whether the run came to the call: a worker's waits differ between runs
 */
export async function meet(lane: Lane, { recorded, call, fault }: Point) {
  const { step, before } = recorded
  await lane.restore(before)
  await lane.begin(step, before.ledger)
  lane.receiver.received.length = 0
  const outcome = await lane.runStep({ at: call.number, fault })
  const isMet = outcome.calls.length > 0
  const wrong = complaints(outcome, isMet ? fault : undefined)
  let printed = outcome.stdout
  // A person looks whether the command has done its work.
  if (step.done === undefined ? !isDone(outcome, step) : (await lane.count(step.done)) === 0) {
    await lane.letTimePass()
    const second = await lane.run(...(step.again ?? step.args))
    wrong.push(...complaints(second))
    printed += second.stdout
  }
  wrong.push(...differences('printed', recorded.printed, printedOrders(printed)))
  await lane.recover()
  return { isMet, wrong: [...wrong, ...(await compare(lane, recorded))] }
}

async function compare(lane: Lane, { books, unknown, delivered }: RecordedStep): Promise<string[]> {
  const { code, stdout, stderr } = await lane.run('rebuild', '--check')
  const audit = code === 0 ? [] : [`audit: ${stdout}${stderr}`]
  const compareAll = async (rows: Parameters<typeof readBooks>[0]) => {
    const events = (await readEvents(rows)).filter((event) => !delivered.includes(event))
    return [
      ...differences('books', books, await readBooks(rows)),
      ...(await compareMoney(rows, lane.entries)).filter((difference) => !unknown.includes(difference)),
      ...differences('receiver', events, readReceived(lane.receiver.received)),
    ]
  }
  return [...audit, ...(await lane.ask(compareAll, ['there is no database']))]
}

/** An interrupted export may print an order twice. */
function printedOrders(text: string): string[] {
  return [...new Set([...text.matchAll(/"order_id":"([^"]+)"/g)].map(([, id = '']) => id))].sort()
}

/** 3: some rows or orders need a person. */
function isDone({ code }: Outcome, { ends }: Step): boolean {
  return ends === undefined ? code === 0 || code === 3 : code === ends
}

/** What is wrong with the end of a command, whatever it met. A call may get no answer, such as a goodbye. */
function complaints({ code, stdout, stderr }: Outcome, met?: Fault): string[] {
  const text = `${stdout}${stderr}`
  if (code === null && (met === 'crash' || met === 'crash-after')) return []
  if (code === null || met === 'crash') return [`exit code ${code}: ${text}`]
  const isBug = /Unexpected error|^\s+at .*:\d+:\d+/m.test(text)
  return isBug || ![0, 1, 2, 3, 4, 6].includes(code) ? [`exit code ${code}: ${text}`] : []
}
