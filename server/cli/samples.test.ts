import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../testing/temp-folder.ts'
import { chooseSample, commandBlocks, copyWithPorts, withPorts, type Sample } from './samples.ts'

const samples = ['01-proxy', '02-failover-ei', '03-failover-mi', '10-poison-message'].map((name): Sample => ({
  name,
  title: `About ${name}`,
  folder: name,
  artifacts: `${name}/artifacts`,
  first: [],
}))
const chosen = (wish: string): string => {
  const sample = chooseSample(samples, wish)
  return typeof sample === 'string' ? sample : sample.name
}

test('a sample is found by its number, its name, or a part of it', () => {
  assert.equal(chosen('1'), '01-proxy')
  assert.equal(chosen('01'), '01-proxy')
  assert.equal(chosen('10'), '10-poison-message')
  assert.equal(chosen('02-failover-ei'), '02-failover-ei')
  assert.equal(chosen('Poison'), '10-poison-message')
})

test('a part of several names lists those', () => {
  const text = chosen('failover')
  assert.match(text, /^"failover" may be any of these:\n {2}02-failover-ei +About 02-failover-ei\n {2}03-failover-mi/)
  assert.doesNotMatch(text, /01-proxy/)
})

test('a misspelt name gets the nearest one and the list', () => {
  assert.match(
    chosen('poisson'),
    /^there is no sample "poisson"\. Did you mean 10-poison-message\? There are:\n {2}01-proxy/,
  )
  assert.match(chosen('7'), /^there is no sample "7"\. There are:/)
})

test('the commands of a page are those in its sh blocks, without comments, continued lines joined', () => {
  const page =
    'Text\n```sh\n# not this\nnpx holdfast run \\\n  --home x\n\ncurl y\n```\n```xml\n<no/>\n```\n```sh\nlast\n```\n'
  assert.deepEqual(commandBlocks(page), [['npx holdfast run --home x', 'curl y'], ['last']])
})

test('only the ports of this machine move', () => {
  const ports = new Map([[9000, 9100]])
  assert.equal(
    withPorts('http://localhost:9000/a tcp://127.0.0.1:9000', ports),
    'http://localhost:9100/a tcp://127.0.0.1:9100',
  )
  assert.equal(
    withPorts('http://example.org:9000 localhost:90001 localhost:61616', ports),
    'http://example.org:9000 localhost:90001 localhost:61616',
  )
})

test('a copy of artifacts replaces what was there and leaves the original alone', async () => {
  await using from = await tempFolder('samples')
  await using to = await tempFolder('samples')
  await writeFile(join(from.path, 'a.xml'), '<address uri="http://localhost:9000/x"/>')
  await writeFile(join(to.path, 'old.xml'), '')
  await copyWithPorts(from.path, to.path, new Map([[9000, 1]]))
  assert.equal(await readFile(join(to.path, 'a.xml'), 'utf8'), '<address uri="http://localhost:1/x"/>')
  assert.equal(await readFile(join(from.path, 'a.xml'), 'utf8'), '<address uri="http://localhost:9000/x"/>')
  await assert.rejects(readFile(join(to.path, 'old.xml')), { code: 'ENOENT' })
})
