/** A Redis server, as the configuration names it. */
export interface RedisAddress {
  readonly kind: 'redis'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and database number, fit to be shown. */
  readonly name: string
}
