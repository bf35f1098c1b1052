// Runs once before all tests: looks for a RabbitMQ server that they may use. None is started: it takes too long.
import { once } from 'node:events'
import { Connection } from 'rabbitmq-client'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is none. */
    rabbitUrl: string | null
  }
}

const STANDARD_URL = 'amqp://guest:guest@127.0.0.1:5672'

export default async function findRabbitMq(project: TestProject): Promise<void> {
  const rabbitUrl = process.env['ORDERCTL_TEST_RABBITMQ_URL'] || ((await answers(STANDARD_URL)) ? STANDARD_URL : null)
  project.provide('rabbitUrl', rabbitUrl)
  if (rabbitUrl === null) console.warn('There is no RabbitMQ server: tests on RabbitMQ are skipped.')
}

async function answers(url: string): Promise<boolean> {
  const rabbit = new Connection({ url, connectionTimeout: 3000 })
  try {
    await once(rabbit, 'connection')
    return true
  } catch {
    return false
  } finally {
    rabbit.unsafeDestroy()
  }
}
