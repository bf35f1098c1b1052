// A schema for a queue on the PostgreSQL that tests share.
import { askServer } from './ask-server.js'
import { addressOf, randomName, serverUrl } from './servers.js'

export type TestSchema = ReturnType<typeof newSchema>

/** Chooses a name. The queue creates the schema. */
export function newSchema(url = serverUrl('postgres')) {
  const schema = randomName()
  const ask = (...statements: string[]) => askServer(serverUrl('postgres'), ...statements)
  return {
    schema,
    address: addressOf('postgres', url),
    /** Makes a process use it. */
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_SCHEMA: schema },
    /** Runs statements in the schema. */
    ask: (...statements: string[]) => ask(`set search_path to ${schema}`, ...statements),
    async drop(): Promise<void> {
      await ask('set client_min_messages to warning', `drop schema if exists ${schema} cascade`)
    },
  }
}
