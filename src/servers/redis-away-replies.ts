// Error replies that say that Redis cannot serve us now and may later, such as those of an old primary after a failover.

interface AwayReply {
  /** Completes "Redis at HOST …". */
  readonly state: string
  readonly fix: string
}

const FAILOVER_FIX =
  'Wait until the failover has ended and run the command again, or name the primary in ORDERCTL_REDIS_URL or ORDERCTL_QUEUE_URL.'

const CLUSTER_FIX = 'Look at the cluster (redis-cli cluster info) and run the command again when it is complete.'

/** By the word that the reply begins with (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors). */
const AWAY_REPLIES: Readonly<Record<string, AwayReply>> = {
  READONLY: { state: 'is a replica and takes no writes', fix: FAILOVER_FIX },
  // Ends a blocking command of a primary that becomes a replica.
  UNBLOCKED: { state: 'became a replica', fix: FAILOVER_FIX },
  MASTERDOWN: { state: 'is a replica that has lost its primary', fix: FAILOVER_FIX },
  LOADING: { state: 'is still loading its data', fix: 'Run the command again when it has.' },
  CLUSTERDOWN: { state: 'belongs to a cluster that is down', fix: CLUSTER_FIX },
  TRYAGAIN: { state: 'is moving keys within its cluster', fix: CLUSTER_FIX },
  NOREPLICAS: {
    state: 'has too few replicas to take writes',
    fix: 'Start its replicas, or lower min-replicas-to-write on that server.',
  },
  MISCONF: {
    state: 'cannot save its data, so it takes no writes',
    fix: 'Free space on the disk of that server; its log says why saving failed.',
  },
  OOM: {
    state: 'has used all memory that maxmemory allows',
    fix: 'Raise maxmemory on that server, or remove keys of other programs from it.',
  },
  BUSY: {
    state: 'is busy with a script of another program',
    fix: 'Wait for the script, or end it: redis-cli script kill',
  },
}

/** Redis before 7.0 quotes the reply to a command within a script: `ERR Error running script (…): -READONLY You …`. */
const KNOWN = new RegExp(`(?:^|: -)(${Object.keys(AWAY_REPLIES).join('|')}) `)

/** Undefined for any other error, also for one that means a mistake of ours or a missing right. */
export function awayReply(error: unknown): AwayReply | undefined {
  if (!(error instanceof Error && error.name === 'ReplyError')) return undefined
  return AWAY_REPLIES[KNOWN.exec(error.message)?.[1] ?? '']
}
