// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.

import { onOwnServer, onSharedServer } from '../support/bullmq-driver.js'
import { startPrivateRedis } from '../support/private-redis.js'
import { describeWithPrivateRedis, describeWithRedis, redisUrl } from '../support/redis.js'
import { describeClosing, describeQueueContract } from './contract.js'

describeWithRedis('BullMQ', () => describeQueueContract(async () => onSharedServer(`${redisUrl}`)), {
  concurrent: true,
})

describeWithPrivateRedis(
  'BullMQ and its server',
  () => describeClosing(async () => onOwnServer(await startPrivateRedis())),
  { concurrent: true },
)
