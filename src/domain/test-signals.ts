/**
 * Signals at the steps of a loop, so that tests wait for steps instead of sleeping. Production code emits them through
 * an optional `signals` (`signals?.emit('polled')`), which only tests set.
 */
export class TestSignals<Step extends string> {
  readonly #listeners = new Set<(step: Step) => void>()

  emit(step: Step): void {
    for (const listener of this.#listeners) listener(step)
  }

  /** Resolves after the step was emitted `count` more times. */
  next(step: Step, count = 1): Promise<void> {
    let left = count
    return new Promise((resolve) => {
      const listener = (emitted: Step) => {
        if (emitted !== step || --left > 0) return
        this.#listeners.delete(listener)
        resolve()
      }
      this.#listeners.add(listener)
    })
  }
}
