// The peer of `work`: one transaction for each step of each order. Without a queue, it is faster than a real one.
import { openSteps } from './steps.js'

/**
 * @param {string} path a database with pending single-line orders
 * @param {number} count how many of them to process
 * @returns {number} seconds
 */
export function processOneByOne(path, count) {
  const steps = openSteps(path)
  const began = performance.now()
  for (let done = 0; done < count; done++) {
    const order = steps.next()
    steps.reserve(order)
    steps.intend(order)
    steps.settle(order)
  }
  const seconds = (performance.now() - began) / 1000
  steps.close()
  return seconds
}
