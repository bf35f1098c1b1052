// Remembers which errors came out of a database connection. Errors of the network look the same whatever server they are
// from, so who threw one cannot be told from the error.
import type { DatabaseConnection, Dialect, Driver } from './kysely.js'

const thrown = new WeakSet<Error>()

/** Whether a connection of ours to a database threw it, in this thread. */
export function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && thrown.has(error)
}

/** The same dialect, whose connections remember what they throw. */
export function rememberingErrors(dialect: Dialect): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => watched(dialect.createDriver()),
  }
}

/** Everything that a driver asks goes through a connection, `begin` and `commit` included. */
function watched(driver: Driver): Driver {
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

async function remembering<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Error) thrown.add(error)
    throw error
  }
}
