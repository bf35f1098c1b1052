/** A RabbitMQ server and a virtual host on it, as the configuration names them. */
export interface RabbitAddress {
  readonly kind: 'amqp'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and virtual host, fit to be shown. */
  readonly name: string
}
