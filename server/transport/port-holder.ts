import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const LISTENING = '0A'

/**
 * Who listens on a TCP port, as `node (process 4711)`, for the text of an error. Reads Linux's /proc; undefined
 * elsewhere, and where the process belongs to somebody else.
 */
export function portHolder(port: number): string | undefined {
  try {
    const inode = listeningInode(port)
    return inode === undefined ? undefined : processWith(`socket:[${inode}]`)
  } catch {
    return undefined
  }
}

function listeningInode(port: number): string | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === LISTENING && local?.endsWith(`:${wanted}`)) return inode
    }
  }
  return undefined
}

function processWith(link: string): string | undefined {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || !holds(pid, link)) continue
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
    return `${name} (process ${pid})`
  }
  return undefined
}

function holds(pid: string, link: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => readlinkSync(`/proc/${pid}/fd/${fd}`) === link)
  } catch {
    // Another user's process, or one that ended just now.
    return false
  }
}
