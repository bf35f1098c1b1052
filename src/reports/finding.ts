// What a look at one thing found. Alarms and the checks of `doctor` are findings.

export interface Finding {
  readonly name: string
  /** `skipped` if it could not be looked at. */
  readonly state: 'ok' | 'failed' | 'skipped'
  /** What was found, or why it was skipped. May hold text of files and servers. */
  readonly message: string
  /** What to do about a failure. */
  readonly fix: string | null
}
