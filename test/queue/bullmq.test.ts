// In CI this fails without a server, so that the contract is checked for every driver.

import { onFragilePostgres, onFragileRedis, onPostgres, onRedis } from '../support/queue-drivers.js'
import { describeWith } from '../support/servers.js'
import { describeBacklog, describeClosing, describeQueueContract, describeStranded } from './contract.js'

const concurrent = { concurrent: true }

describeWith('redis', 'BullMQ on Redis', () => describeQueueContract(() => onRedis()), concurrent)
describeWith('redis', 'BullMQ and its Redis', () => describeClosing(onFragileRedis), concurrent)
describeWith('postgres', 'BullMQ on PostgreSQL', () => describeQueueContract(() => onPostgres()), concurrent)
describeWith('postgres', 'BullMQ and its PostgreSQL', () => describeClosing(() => onFragilePostgres()), concurrent)
describeWith('redis', 'orders on BullMQ and Redis', () => describeStranded(() => onRedis()), concurrent)
describeWith('postgres', 'orders on BullMQ and PostgreSQL', () => describeStranded(() => onPostgres()), concurrent)
describeWith('redis', 'lost orders on BullMQ and Redis', () => describeBacklog(() => onRedis()), concurrent)
describeWith('postgres', 'lost orders on BullMQ and PostgreSQL', () => describeBacklog(() => onPostgres()), concurrent)
