// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.

import { behindProxy, onPostgres } from '../support/bullmq-postgres-driver.js'
import { describeWithPostgres } from '../support/postgres.js'
import { describeClosing, describeQueueContract } from './contract.js'

describeWithPostgres('BullMQ on PostgreSQL', () => describeQueueContract(onPostgres), { concurrent: true })

describeWithPostgres('BullMQ on PostgreSQL and its server', () => describeClosing(() => behindProxy()), {
  concurrent: true,
})
