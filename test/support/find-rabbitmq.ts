// Runs once before all tests: looks for a RabbitMQ server that they may use. None is started: it takes too long.
import { connect } from 'amqplib'
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
  try {
    const connection = await connect(url, { timeout: 3000 })
    await connection.close()
    return true
  } catch {
    return false
  }
}
