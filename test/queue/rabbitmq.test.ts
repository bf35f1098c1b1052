// In CI this fails without a server: a driver whose suite did not run is not known to keep the contract.
import { describeWithRabbitMq } from '../rabbitmq.js'
import { describeClosing, describeQueueContract } from './contract.js'
import { onProxiedRabbitMq, onRabbitMq } from './rabbitmq-driver.js'

describeWithRabbitMq('RabbitMQ', () => describeQueueContract(onRabbitMq), { concurrent: true })

describeWithRabbitMq('RabbitMQ and its server', () => describeClosing(onProxiedRabbitMq), { concurrent: true })
