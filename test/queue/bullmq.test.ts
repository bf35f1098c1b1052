// In CI this fails without a server, so that the contract is checked for every driver.
import { describeWithPostgres } from '../support/postgres.js'
import { onFragilePostgres, onFragileRedis, onPostgres, onRedis } from '../support/queue-drivers.js'
import { describeWithPrivateRedis, describeWithRedis } from '../support/redis.js'
import { describeClosing, describeQueueContract } from './contract.js'

const concurrent = { concurrent: true }

describeWithRedis('BullMQ on Redis', () => describeQueueContract(() => onRedis()), concurrent)
describeWithPrivateRedis('BullMQ and its Redis', () => describeClosing(() => onFragileRedis()), concurrent)
describeWithPostgres('BullMQ on PostgreSQL', () => describeQueueContract(() => onPostgres()), concurrent)
describeWithPostgres('BullMQ and its PostgreSQL', () => describeClosing(() => onFragilePostgres()), concurrent)
