import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests that take minutes by nature: servers that go away, kill loops, real shells, whole moves. */
const SLOW = 'test/**/*.slow.test.ts'

const onServers = {
  globalSetup: ['test/support/find-servers.ts'],
  // A limit against hangs: tests wait for events, on a machine of any speed.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 240_000 } },
  // Files run one after another in a worker and leave nothing behind, so modules are loaded once for all of them.
  isolate: false,
  setupFiles: ['test/support/leaks.ts'],
}

export default defineConfig({
  test: {
    // Tests mostly wait for processes and servers: run more workers than there are cores.
    maxWorkers: 2 * availableParallelism(),
    projects: [
      { test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: ['test/drift/**', SLOW], ...onServers } },
      // On a machine half as fast as usual, some have taken more than five minutes.
      { test: { name: 'slow', include: [SLOW], ...onServers, testTimeout: 1_200_000 } },
      // Not a test of orderctl, but of its tests: `npm run mutants`.
      { test: { name: 'mutants', include: ['test/mutants/run-mutants.ts'], testTimeout: 300_000, maxConcurrency: 2 } },
      // One file for each campaign of `npm run torture`.
      { test: { name: 'torture', include: ['test/torture/campaign.ts'], ...onServers, testTimeout: 0 } },
      // Also part of `npm run check`: what is generated or said twice must agree.
      { test: { name: 'drift', include: ['test/drift/**/*.test.ts'], testTimeout: 60_000 } },
    ],
  },
})
