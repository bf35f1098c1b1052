import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Tests mostly wait, for processes and for leases to end: a worker on every core, and not on all but one.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['test/drift/**'],
          globalSetup: ['test/find-redis.ts', 'test/find-rabbitmq.ts', 'test/find-database-servers.ts'],
          testTimeout: 60_000,
        },
      },
      // Also part of `npm run check`: what is generated or said twice must agree.
      { test: { name: 'drift', include: ['test/drift/**/*.test.ts'], testTimeout: 60_000 } },
    ],
  },
})
