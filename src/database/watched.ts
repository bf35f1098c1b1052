// Watches the connections to a database: remembers which errors they threw, since network errors look alike for all
// servers, counts statements, and gives up one whose server keeps the connection but does not answer.
import type { DatabaseConnection, Dialect } from 'kysely'
import { settledWithin } from '../domain/timeout.js'
import { countStatement, statistics } from './statistics.js'

const thrown = new WeakSet<Error>()

/** Whether a database connection in this thread threw the error. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && thrown.has(error)
}

interface Watching {
  /** Called with each error. */
  readonly onError?: (error: unknown) => void
  /** After this long without an answer, a statement fails, and all later ones on its connection. */
  readonly answerTimeoutMs?: number | undefined
}

export function watchingConnections(dialect: Dialect, { onError, answerTimeoutMs }: Watching = {}): Dialect {
  // SQLite's driver throws before it returns a promise.
  const remembering = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act()
    } catch (error) {
      if (error instanceof Error) thrown.add(error)
      onError?.(error)
      throw error
    }
  }
  const createDriver = dialect.createDriver.bind(dialect)
  dialect.createDriver = () => {
    const driver = createDriver()
    const connections = new WeakSet<DatabaseConnection>()
    const acquire = driver.acquireConnection.bind(driver)
    driver.acquireConnection = async () => {
      const connection = await remembering(acquire)
      if (connections.has(connection)) return connection
      connections.add(connection)
      statistics.connections += 1
      // Every statement goes through here, `begin` and `commit` included.
      const execute = withAnswerIn(answerTimeoutMs, connection.executeQuery.bind(connection))
      connection.executeQuery = async (query) => {
        const asked = performance.now()
        try {
          return await remembering(() => execute(query))
        } finally {
          countStatement(query.sql, performance.now() - asked)
        }
      }
      return connection
    }
    return driver
  }
  return dialect
}

type Execute = DatabaseConnection['executeQuery']

/** TCP notices a server that is gone, but not one that hangs, or a firewall that has forgotten the connection. */
function withAnswerIn(timeoutMs: number | undefined, execute: Execute): Execute {
  if (timeoutMs === undefined) return execute
  let silent: Error | undefined
  return async (query) => {
    if (silent) throw silent
    const answer = execute<never>(query)
    if (await settledWithin(timeoutMs, answer)) return answer
    // The text of pg, which recognise.ts knows.
    silent = new Error('Query read timeout')
    throw silent
  }
}
