/** P2 for files: killed while it reads a folder, the server loses none, and repeats the one it had in hand at most. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { startServer } from '../../testing/child.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'

const FILES = 300
const KILLS = 3

const ARTIFACTS = `<definitions xmlns="http://ws.apache.org/ns/synapse">
<sequence name="take"><property name="OUT_ONLY" value="true"/><send><endpoint><address uri="vfs:file:files/out.txt?transport.vfs.Append=true"/></endpoint></send></sequence>
<inboundEndpoint name="in" protocol="file" sequence="take"><parameters>
<parameter name="interval">20</parameter>
<parameter name="transport.vfs.FileURI">file:files/in</parameter>
<parameter name="transport.vfs.ContentType">text/plain</parameter>
</parameters></inboundEndpoint></definitions>`

test('a server killed while it reads a folder loses no file, and repeats one for each kill at most', async () => {
  await using folder = await tempFolder('files-crash')
  const [http, management] = (await freePorts(2)) as [number, number]
  const home = join(folder.path, 'home')
  const artifacts = join(folder.path, 'artifacts')
  const waiting = join(home, 'files', 'in')
  await mkdir(artifacts)
  await mkdir(waiting, { recursive: true })
  await writeFile(join(artifacts, 'all.xml'), ARTIFACTS)
  for (let number = 0; number < FILES; number++) {
    const path = join(waiting, `${String(number).padStart(4, '0')}.txt`)
    await writeFile(path, `${number}\n`)
    await utimes(path, 1, 1)
  }
  const arrived = async (): Promise<string[]> => {
    const text = await readFile(join(home, 'files', 'out.txt'), 'utf8').catch(() => '')
    return text.split('\n').slice(0, -1)
  }
  const until = async (reached: () => Promise<boolean>): Promise<void> => {
    while (!(await reached())) await systemClock.sleep(5)
  }
  const options = { home, artifacts, ports: { http, management }, args: ['--quiet'] }
  for (let kill = 1; kill <= KILLS; kill++) {
    await using server = await startServer(options)
    const enough = (FILES / (KILLS + 1)) * kill
    await until(async () => (await arrived()).length >= enough)
    server.signal('SIGKILL')
    await server.exited
  }
  await using _last = await startServer(options)
  await until(async () => (await readdir(waiting)).length === 0)
  const lines = await arrived()
  const distinct = new Set(lines)
  assert.equal(distinct.size, FILES)
  assert.ok(lines.length - FILES <= KILLS, `${lines.length - FILES} repeated after ${KILLS} kills`)
})
