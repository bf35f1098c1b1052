// A small file system in memory, which a test fills.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-disk-'))
  readonly #ballast = join(this.folder, 'ballast')
  /** Why this user cannot mount it; undefined if it is mounted. */
  readonly whyNot: string | undefined

  /** @param size as in `64m` */
  constructor(size: string) {
    const { status, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', this.folder])
    this.whyNot = status === 0 ? undefined : (error?.message ?? 'this user may not mount a file system')
  }

  /** Leaves not a byte. */
  fill(): void {
    const file = openSync(this.#ballast, 'w')
    for (let size = 1 << 20; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size))
      } catch {
        size /= 2
      }
    }
    closeSync(file)
  }

  makeRoom(): void {
    rmSync(this.#ballast, { force: true })
  }

  close(): void {
    spawnSync('umount', ['--lazy', this.folder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
