import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests that need a PostgreSQL, a MySQL or a RabbitMQ and take minutes: servers that go away, races, crashes, whole moves. */
const SERVER_TESTS = [
  'test/engines/{contention,crash,import,import-races,outage,refused}.test.ts',
  'test/move/**/*.test.ts',
  'test/queue/{postgres-away,postgres-connect,postgres-work,rabbitmq-away,rabbitmq-connect}.test.ts',
  'test/commands/doctor-server.test.ts',
]

const onServers = {
  globalSetup: ['test/find-redis.ts', 'test/find-rabbitmq.ts', 'test/find-database-servers.ts'],
  testTimeout: 60_000,
  // Files take turns in a worker and change nothing that the next one sees, so modules are loaded once for all of them.
  isolate: false,
}

export default defineConfig({
  test: {
    // Tests mostly wait, for processes and for leases to end: more workers than there are cores.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['test/drift/**', ...SERVER_TESTS],
          ...onServers,
        },
      },
      { test: { name: 'servers', include: SERVER_TESTS, ...onServers } },
      // Also part of `npm run check`: what is generated or said twice must agree.
      { test: { name: 'drift', include: ['test/drift/**/*.test.ts'], testTimeout: 60_000 } },
    ],
  },
})
