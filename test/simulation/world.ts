// The simulated world: its time, its processes, and the order of their steps. Real code runs in it. A process touches
// the world only in steps (a statement, a request, a timer). The seed decides when each step comes, and which process
// crashes or stands still before it. Code between two steps runs at once, as code between two awaits does.
import type { Dice } from '../support/dice.js'

/** A process, or one of its threads. Its steps end when it crashes. */
export class Actor {
  readonly name: string
  readonly process: Actor
  /** How far its clock is ahead, in milliseconds. */
  readonly skewMs: number
  isAlive = true
  /** Set while the process is stopped, as by SIGSTOP. */
  stoppedUntil = 0
  /** Called when it crashes: connections close, and threads crash. */
  readonly onCrash: (() => void)[] = []

  /** @param process undefined for a process */
  constructor(name: string, { skewMs = 0, process }: { skewMs?: number; process?: Actor } = {}) {
    this.name = name
    this.skewMs = process?.skewMs ?? skewMs
    this.process = process ?? this
  }
}

export interface Timer {
  cancel(): void
}

interface Step {
  readonly at: number
  readonly number: number
  readonly actor: Actor
  readonly label: string
  run: (() => void) | undefined
}

/** What the seed may do to processes. */
export interface ProcessFaults {
  /** Probability of a crash before a step. */
  readonly crash: number
  /** Probability of a stop before a step, and the longest one. */
  readonly stop: number
  readonly longestStopMs: number
  readonly longestStepMs: number
}

const NO_FAULTS: ProcessFaults = { crash: 0, stop: 0, longestStopMs: 0, longestStepMs: 5 }

/** 2025-03-01T12:00:00Z, when every world begins. */
const BEGIN = 1_740_830_400_000

/** A run that takes more steps never ends. */
const MOST_STEPS = 150_000

/** Resolves when all code has reached its next step: Node runs all microtasks first. */
function nextTurn(): Promise<void> {
  return new Promise(setImmediate)
}

export class World {
  readonly dice: Dice
  /** Owns the steps of the network and of the simulation itself. Never crashes. */
  readonly outside = new Actor('-')
  /** Whose code is running. */
  current = this.outside
  /** Milliseconds since the world began. */
  now = 0
  faults = NO_FAULTS
  steps = 0
  /** A hash of all steps so far: equal for equal runs. */
  digest = 0x811c9dc5
  /** The sum of all steps of the machine's clock, in milliseconds. */
  #clockOffset = 0
  /** Latest first. */
  readonly #queue: Step[] = []
  #numbers = 0
  readonly #onStep: ((line: string) => void) | undefined

  constructor(dice: Dice, onStep?: (line: string) => void) {
    this.dice = dice
    this.#onStep = onStep
  }

  /** The clock that the running code reads. */
  wallTime(): number {
    return Math.floor(BEGIN + this.now + this.#clockOffset + this.current.skewMs)
  }

  stepClock(ms: number): void {
    this.#clockOffset += ms
    this.note(`clock ${ms}`)
  }

  heal(): void {
    this.faults = NO_FAULTS
  }

  /** Runs code as this process. What the code awaits continues as the process that owns the step. */
  as<Result>(actor: Actor, act: () => Result): Result {
    const before = this.current
    this.current = actor
    try {
      return act()
    } finally {
      this.current = before
    }
  }

  schedule(actor: Actor, delayMs: number, label: string, run: () => void): Timer {
    const step: Step = { at: this.now + delayMs, number: this.#numbers++, actor, label, run }
    this.#insert(step)
    return { cancel: () => (step.run = undefined) }
  }

  /** Resolves when the step's turn comes: never, if the process crashes before. */
  step(actor: Actor, label: string): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(actor, this.dice.delay(this.faults.longestStepMs), label, resolve)
    })
  }

  /** Makes another process or thread do something and brings back the result. Each way is a step. */
  ask<Result>(from: Actor, to: Actor, label: string, act: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const back = (settle: () => void) => this.schedule(from, this.dice.delay(1), `${label} answered`, settle)
      this.schedule(to, this.dice.delay(1), label, () => {
        act().then(
          (result) => back(() => resolve(result)),
          (error: unknown) => back(() => reject(error)),
        )
      })
    })
  }

  crash(actor: Actor): void {
    if (!actor.isAlive) return
    actor.isAlive = false
    this.note(`crash of ${actor.name}`)
    for (const act of actor.onCrash) act()
  }

  /** Runs steps until the condition holds or nothing is left to do. @returns whether the condition holds */
  async runUntil(holds: () => boolean): Promise<boolean> {
    await nextTurn()
    while (!holds()) {
      const step = this.#queue.pop()
      if (!step) return false
      const { actor, label } = step
      if (!step.run || !actor.isAlive) continue
      this.now = Math.max(this.now, step.at)
      if (actor !== this.outside && this.#isDisturbed(step)) continue
      if (++this.steps > MOST_STEPS) throw new Error(`the run has not ended after ${MOST_STEPS} steps`)
      this.note(label, actor)
      this.current = actor
      step.run()
      await nextTurn()
      this.current = this.outside
    }
    return true
  }

  note(text: string, actor = this.current): void {
    const line = `${this.now.toFixed(3)} ${actor.name} ${text}`
    for (let at = 0; at < line.length; at++) this.digest = Math.imul(this.digest ^ line.charCodeAt(at), 0x01000193)
    this.#onStep?.(line)
  }

  /** Crashes or stops the process, if the seed says so. @returns whether the step is lost or has to wait */
  #isDisturbed(step: Step): boolean {
    const { process } = step.actor
    const { crash, stop, longestStopMs } = this.faults
    if (process.stoppedUntil > this.now) {
      this.#insert({ ...step, at: process.stoppedUntil + this.dice.delay(1) })
      return true
    }
    // Threads take steps only while they have a batch, which is when a fault tells most.
    const weight = step.actor === process ? 1 : 6
    if (this.dice.chance(crash * weight)) {
      this.crash(process)
      return true
    }
    if (!this.dice.chance(stop * weight)) return false
    process.stoppedUntil = this.now + this.dice.next() * longestStopMs
    this.note(`stop of ${process.name}`)
    this.#insert({ ...step, at: process.stoppedUntil + this.dice.delay(1) })
    return true
  }

  #insert(step: Step): void {
    let [low, high] = [0, this.#queue.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#queue[middle]
      if (other && (other.at > step.at || (other.at === step.at && other.number > step.number))) low = middle + 1
      else high = middle
    }
    this.#queue.splice(low, 0, step)
  }
}
