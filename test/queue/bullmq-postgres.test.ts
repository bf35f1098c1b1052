// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.
import { describeWithPostgres } from '../postgres.js'
import { behindProxy, onPostgres } from './bullmq-postgres-driver.js'
import { describeClosing, describeQueueContract } from './contract.js'

describeWithPostgres('BullMQ on PostgreSQL', () => describeQueueContract(onPostgres), { concurrent: true })

describeWithPostgres('BullMQ on PostgreSQL and its server', () => describeClosing(() => behindProxy()), {
  concurrent: true,
})
