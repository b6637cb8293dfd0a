/** Faults of the disk under the journal. */
import { execFileSync } from 'node:child_process'
import { chmod, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import { journalArtifacts, serviceAt, STORE } from './artifacts.ts'
import type { Fault } from './play.ts'
import { Stand, type StandOptions } from './stand.ts'

const onJournal: StandOptions = {
  artifacts: backend => journalArtifacts(serviceAt(`http://127.0.0.1:${backend}`)),
  path: STORE,
}
/** Nobody, whom folders can be closed to; root goes everywhere. */
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
const isRoot = process.getuid?.() === 0

/** A disk of its own of so many megabytes. */
async function disk(megabytes: number, use: (path: string) => Promise<void>): Promise<void> {
  const path = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'holdfast', path])
  try {
    await use(path)
  } finally {
    execFileSync('umount', ['-l', path])
    await rm(path, { recursive: true, force: true })
  }
}

/** Takes all the room there is. */
async function fill(path: string): Promise<void> {
  const file = await open(join(path, 'ballast'), 'w')
  try {
    for (let size = 1 << 20; size >= 512; size >>= 1) {
      try {
        for (;;) await file.writeFile(Buffer.alloc(size))
      } catch (thrown) {
        if (systemCode(thrown) !== 'ENOSPC') throw thrown
      }
    }
  } finally {
    await file.close()
  }
}

/** Orders until one is refused: what was claimed of the disk before is used up first. */
async function untilRefused(stand: Stand, padding: number) {
  for (let count = 0; count < 3_000; count++) {
    const answer = await stand.order({ padding })
    if (answer.status !== 202) return answer
  }
  throw stand.failure('the disk is full and everything is accepted')
}

const FAULT_IN_SOAP = /<(?:\w+:)?Fault[\s>]/

const full: Fault = {
  name: 'disk full while running',
  needs: 'a mount namespace',
  play: say =>
    disk(16, async path => {
      await using stand = await Stand.open({ ...onJournal, home: join(path, 'home') })
      stand.backend.faults.arm({ status: 503 })
      await stand.accepted(50, 4_000)
      await fill(path)
      const refused = await untilRefused(stand, 8_000)
      say('client', `${refused.status} ${reasonIn(refused.text)}`)
      if (refused.status !== 500 || !FAULT_IN_SOAP.test(refused.text)) throw stand.failure('that is no fault')
      say('log', await stand.logged(/full/i))
      const { journal } = await stand.health()
      say('health', `journal ${journal.state}: ${journal.reason}`)
      if (journal.state !== 'full') throw stand.failure(`the health check says ${JSON.stringify(journal)}`)
      say('api', `message-stores: ${JSON.stringify(await stand.api.depths())}`)
      // Still full: what is there goes all the same.
      stand.backend.faults.clear()
      await stand.delivered()
      say('note', 'the backlog was delivered while the disk was full')
      stand.backend.faults.arm({ status: 503 })
      await fill(path)
      await untilRefused(stand, 8_000)
      await rm(join(path, 'ballast'))
      say('healed', `accepts again ${await stand.acceptsAgain()} ms after there was room`)
      stand.backend.faults.clear()
      await stand.until('the journal is open', async () =>
        (await stand.health()).journal.state === 'open' ? true : undefined,
      )
      say('healed', await stand.settle())
      await stand.stop()
    }),
}

const readOnlyStart: Fault = {
  name: 'read-only disk at start',
  needs: 'a mount namespace',
  play: say =>
    disk(16, async path => {
      await using stand = await Stand.prepare({ ...onJournal, home: join(path, 'home') })
      execFileSync('mount', ['-o', 'remount,ro', path])
      const said = await stand.startFails()
      say('log', lastLine(said))
      if (!/EROFS|read-only/i.test(said) || !/--home|rights/.test(said)) throw new Error(`no remedy in:\n${said}`)
      execFileSync('mount', ['-o', 'remount,rw', path])
      await stand.start()
      await stand.accepted(5)
      say('healed', `once it can be written it starts: ${await stand.settle()}`)
      await stand.stop()
    }),
}

/** The whole journal fails with a code of the system, as when a file system turns itself read-only. */
function failing(name: string, code: string, calls: readonly string[], later = false): Fault {
  return {
    name,
    play: async say => {
      await using stand = await Stand.open({ ...onJournal, faultDisk: true })
      stand.backend.faults.arm({ status: 503 })
      await stand.accepted(30, 2_000)
      stand.disk({ under: '/data/', calls, code })
      const refused = later ? await untilRefused(stand, 16_000) : await stand.order()
      say('client', `${refused.status} ${reasonIn(refused.text)}`)
      if (refused.status !== 500 || !FAULT_IN_SOAP.test(refused.text)) throw stand.failure('that is no fault')
      const { journal } = await stand.health()
      say('health', `journal ${journal.state}: ${journal.reason}`)
      if (journal.state !== 'failed') throw stand.failure(`the health check says ${JSON.stringify(journal)}`)
      say('log', await stand.logged(/JOURNAL_FAILED|No further segment|did not confirm/))
      say('api', `message-stores: ${JSON.stringify(await stand.api.depths())}`)
      stand.disk(null)
      say('healed', `accepts again ${await stand.acceptsAgain()} ms after the disk does`)
      stand.backend.faults.clear()
      await stand.until('the journal is open', async () =>
        (await stand.health()).journal.state === 'open' ? true : undefined,
      )
      // What could not be noted may have been sent: those that were on their way then come again, with the same id.
      say('healed', await stand.settle({ repeats: true }))
      await stand.stop()
    },
  }
}

const slow: Fault = {
  name: 'slow disk: a sync takes 700 ms',
  play: async say => {
    await using stand = await Stand.open({ ...onJournal, faultDisk: true })
    stand.disk({ under: '/data/', calls: ['sync'], delayMs: 700 })
    const answers = await Promise.all(Array.from({ length: 40 }, () => stand.order()))
    const [status] = new Set(answers.map(answer => answer.status))
    const slowest = Math.max(...answers.map(({ ms }) => ms))
    say('client', `${answers.length} orders at once: all ${status}, the slowest after ${slowest} ms`)
    if (answers.some(answer => answer.status !== 202)) throw stand.failure('an order was refused')
    if (answers.some(({ ms }) => ms < 600)) throw stand.failure('an order was promised before it was synced')
    const { journal } = await stand.health()
    say('health', `journal ${journal.state}, answered within a second`)
    stand.disk(null)
    say('healed', await stand.settle())
    await stand.stop()
  },
}

const permissionsStart: Fault = {
  name: 'wrong permissions at start',
  needs: 'another user',
  play: async say => {
    await using stand = await Stand.prepare({ ...onJournal, ...(isRoot && { under: AS_NOBODY }) })
    await chmod(stand.folder, 0o755)
    await chmod(stand.home, isRoot ? 0o755 : 0o555)
    const said = await stand.startFails()
    say('log', lastLine(said))
    if (!/EACCES/.test(said) || !/rights/.test(said)) throw new Error(`no remedy in:\n${said}`)
    await chmod(stand.home, 0o777)
    await stand.start()
    await stand.accepted(5)
    say('healed', `with the right ones it starts: ${await stand.settle()}`)
    await stand.stop()
  },
}

const permissionsRunning: Fault = {
  name: 'permissions withdrawn while running',
  needs: 'another user',
  play: async say => {
    await using stand = await Stand.prepare({ ...onJournal, ...(isRoot && { under: AS_NOBODY }) })
    await chmod(stand.folder, 0o755)
    await chmod(stand.home, 0o777)
    await stand.start()
    stand.backend.faults.arm({ status: 503 })
    await stand.accepted(20)
    const data = join(stand.home, 'data')
    await chmod(data, 0o555)
    const refused = await untilRefused(stand, 16_000)
    say('client', `${refused.status} ${reasonIn(refused.text)}`)
    const { journal } = await stand.health()
    say('health', `journal ${journal.state}: ${journal.reason}`)
    if (journal.state !== 'failed') throw stand.failure(`the health check says ${JSON.stringify(journal)}`)
    say('log', await stand.logged(/EACCES/))
    await chmod(data, 0o750)
    say('healed', `accepts again ${await stand.acceptsAgain()} ms after it may`)
    stand.backend.faults.clear()
    say('healed', await stand.settle())
    await stand.stop()
  },
}

/** Orders in a journal of several files, and a stop: what there is to be damaged. */
async function filled(stand: Stand): Promise<string[]> {
  stand.backend.faults.arm({ status: 503 })
  await stand.accepted(400, 8_000)
  await stand.stop()
  const files = await readdir(join(stand.home, 'data'))
  return files.filter(name => name.endsWith('.log')).toSorted()
}

function damaged(
  name: string,
  damage: (folder: string, files: readonly string[]) => Promise<void>,
  most: number,
): Fault {
  return {
    name,
    play: async say => {
      await using stand = await Stand.open(onJournal)
      const files = await filled(stand)
      if (files.length < 3) throw new Error(`only ${files.length} files`)
      await damage(join(stand.home, 'data'), files)
      stand.backend.faults.clear()
      await stand.start()
      const lost = await lostFor(stand, most)
      say('log', await stand.logged(/JOURNAL_CORRUPT/))
      const { journal } = await stand.health()
      say('health', `journal ${journal.state}, damage: ${JSON.stringify(journal.damage)}`)
      if (!journal.damage?.length) throw stand.failure('the health check says nothing of it')
      say('api', `message-stores: ${JSON.stringify(await stand.api.depths())}`)
      await stand.accepted(20)
      say('note', `${lost.length} of 400 orders were in what was damaged`)
      const kept = (await readdir(join(stand.home, 'data'))).filter(file => file.endsWith('.damaged'))
      say('note', kept.length > 0 ? `kept aside: ${kept.join(', ')}` : 'the damaged file is still in place')
      say('healed', `all others: ${await stand.settle({ lost })}`)
      await stand.stop()
    },
  }
}

/** Waits until the store is empty; the orders that never came, which may be so many at most. */
async function lostFor(stand: Stand, most: number): Promise<string[]> {
  await stand.until('the store is empty', async () => ((await stand.api.depths())['orders'] === 0 ? true : undefined))
  const lost = Array.from({ length: 400 }, (_, index) => `order-${index}`).filter(id => !stand.arrived.has(id))
  if (lost.length === 0 && most > 0) throw stand.failure('nothing was damaged')
  if (lost.length > most)
    throw stand.failure(`${lost.length} orders are lost, ${most} can have been in the damaged part`)
  return lost
}

async function overwrite(path: string, at: number, length: number): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(length, 0xa5), 0, length, at)
  await file.close()
}

const corruptions: Fault[] = [
  damaged(
    'journal corrupted in the middle of a sealed file',
    (folder, files) => overwrite(join(folder, files[1]!), 300_000, 64),
    2,
  ),
  damaged(
    'journal file truncated',
    async (folder, files) => {
      const path = join(folder, files[1]!)
      await truncate(path, Math.floor((await stat(path)).size / 2))
    },
    140,
  ),
  damaged(
    'journal file replaced by garbage',
    (folder, files) => writeFile(join(folder, files[1]!), Buffer.alloc(1 << 20, 'garbage')),
    140,
  ),
]

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''

export function reasonIn(text: string): string {
  return /<(?:faultstring|(?:\w+:)?Text)[^>]*>([^<]*)/.exec(text)?.[1] ?? text.slice(0, 200)
}

export const diskFaults: readonly Fault[] = [
  full,
  readOnlyStart,
  failing('read-only disk while running', 'EROFS', ['open', 'write', 'sync', 'rename', 'unlink']),
  failing('disk that fails every sync', 'EIO', ['sync']),
  failing('disk on which no file can be made', 'EIO', ['open', 'rename'], true),
  slow,
  permissionsStart,
  permissionsRunning,
  ...corruptions,
]
