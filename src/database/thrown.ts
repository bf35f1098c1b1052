// Remembers which errors came out of a database connection. Errors of the network look the same whatever server they are
// from, so who threw one cannot be told from the error.
import type { DatabaseConnection, Dialect, Driver } from 'kysely'

const thrown = new WeakSet<Error>()

/** Whether a connection of ours to a database threw it, in this thread. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && thrown.has(error)
}

/**
 * The same dialect, whose connections remember what they throw.
 *
 * @param onError called with each error as well
 */
export function rememberingErrors(dialect: Dialect, onError: (error: unknown) => void = () => undefined): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => watched(dialect.createDriver(), onError),
  }
}

/** Everything that a driver asks goes through a connection, `begin` and `commit` included. */
function watched(driver: Driver, onError: (error: unknown) => void): Driver {
  const remembering = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act()
    } catch (error) {
      if (error instanceof Error) thrown.add(error)
      onError(error)
      throw error
    }
  }
  const connections = new WeakSet<DatabaseConnection>()
  const acquire = driver.acquireConnection.bind(driver)
  driver.acquireConnection = async () => {
    const connection = await remembering(acquire)
    if (connections.has(connection)) return connection
    connections.add(connection)
    const execute = connection.executeQuery.bind(connection)
    connection.executeQuery = (query) => remembering(() => execute(query))
    return connection
  }
  return driver
}
