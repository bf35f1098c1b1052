// Remembers which errors a database connection threw, since network errors look alike for all servers. Also counts its
// statements.
import type { DatabaseConnection, Dialect } from 'kysely'
import { countStatement, statistics } from './statistics.js'

const thrown = new WeakSet<Error>()

/** Whether a database connection in this thread threw the error. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && thrown.has(error)
}

/**
 * Makes the connections of the dialect remember what they throw.
 *
 * @param onError called with each error as well
 */
export function rememberingErrors(dialect: Dialect, onError: (error: unknown) => void = () => undefined): Dialect {
  // SQLite's driver throws before it returns a promise.
  const remembering = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act()
    } catch (error) {
      if (error instanceof Error) thrown.add(error)
      onError(error)
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
      const execute = connection.executeQuery.bind(connection)
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
