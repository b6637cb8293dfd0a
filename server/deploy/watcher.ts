import { statSync, watch, type FSWatcher } from 'node:fs'
import type { Clock, Timer } from '../kernel/clock.ts'

export interface WatchOptions {
  readonly folders: readonly string[]
  readonly clock: Clock
  /** Milliseconds between looks that nothing has asked for: network mounts send no events. */
  readonly intervalMs: number
  /** Looks at the folders and deploys what has changed. Must not reject. */
  look(): Promise<void>
}

/** An editor writes a file in several steps; a look in between would report half a file. */
const SETTLE_MS = 150

/**
 * Calls `look` soon after something changes below the folders, and every so often anyway. An event only means "look
 * soon": the scan with digests decides what has changed. Never two looks at a time.
 */
export function watchFolders(options: WatchOptions): Disposable {
  const { clock, folders, intervalMs } = options
  let timer: Timer | undefined
  let dueAt = Number.POSITIVE_INFINITY
  let looking = false
  let again = false
  let closed = false

  const arm = (ms: number): void => {
    const at = clock.monotonic() + ms
    if (closed || at >= dueAt) return
    timer?.cancel()
    dueAt = at
    timer = clock.after(ms, () => void look())
  }
  const look = async (): Promise<void> => {
    dueAt = Number.POSITIVE_INFINITY
    if (looking) {
      again = true
      return
    }
    looking = true
    try {
      await options.look()
    } finally {
      looking = false
      watchAll()
      arm(again ? SETTLE_MS : intervalMs)
      again = false
    }
  }
  /** A folder that comes later, or comes back, is watched from the next look on. */
  const watchers = new Map<string, FSWatcher>()
  const watchAll = (): void => {
    for (const folder of folders) {
      if (closed || watchers.has(folder)) continue
      const forget = (): void => void watchers.delete(folder)
      const watcher = openWatcher(folder, () => arm(SETTLE_MS), forget)
      if (watcher) watchers.set(folder, watcher)
    }
  }
  watchAll()
  arm(intervalMs)
  return {
    [Symbol.dispose]() {
      closed = true
      timer?.cancel()
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}

/** Undefined where the system cannot watch: the regular look still finds changes. */
function openWatcher(folder: string, changed: () => void, ended: () => void): FSWatcher | undefined {
  try {
    const { ino } = statSync(folder)
    const watcher = watch(folder, { recursive: true, persistent: false }, () => {
      // The folder itself was removed, perhaps put back as another one: what is watched is no longer what is meant.
      if (statSync(folder, { throwIfNoEntry: false })?.ino !== ino) end()
      changed()
    })
    const end = (): void => {
      watcher.close()
      ended()
    }
    watcher.on('error', end)
    return watcher
  } catch {
    return undefined
  }
}
