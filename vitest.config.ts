import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['test/drift/**'],
          globalSetup: 'test/find-redis.ts',
          testTimeout: 60_000,
        },
      },
      // Also part of `npm run check`: what is generated or said twice must agree.
      { test: { name: 'drift', include: ['test/drift/**/*.test.ts'], testTimeout: 60_000 } },
    ],
  },
})
