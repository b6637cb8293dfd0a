/** The table of `server/docs/brokers.md` holds: the tests it names are there and name their rows. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const server = dirname(import.meta.dirname)
const page = readFileSync(join(server, 'docs', 'brokers.md'), 'utf8')
const rows = page
  .split('\n')
  .map(line => /^\| ((?:(?:WF|BI|AR|IP)-\d+(?:, )?)+) \| ([^|]+) \|/.exec(line))
  .filter(match => match !== null)
  .map(([, ids, files]) => ({ ids: ids!.split(', '), files: files!.trim().split(', ') }))

const range = (prefix: string, last: number): string[] =>
  Array.from({ length: last }, (_, index) => `${prefix}-${index + 1}`)

test('every row that is asked for is in the table', () => {
  const wanted = [...range('WF', 12), ...range('BI', 16), ...range('AR', 7), 'AR-10', ...range('IP', 12)]
  const listed = new Set(rows.flatMap(({ ids }) => ids))
  assert.deepEqual(
    wanted.filter(id => !listed.has(id)),
    [],
  )
})

test('IP-11: the gate runs the transacted routes, and counts one that is skipped as a failure', () => {
  const gate = readFileSync(join(dirname(server), '.ci', 'run'), 'utf8')
  const [, run = ''] = /^brokers\(\) \{$([^}]+)^\}$/m.exec(gate) ?? []
  assert.match(run, /CI=true .*npm run --silent test:brokers --/)
  assert.match(run, /\btransacted-route\b/)
})

test('each test file is there and says in words which rows it is for', () => {
  const wrong = rows.flatMap(({ ids, files }) =>
    files.flatMap(file => {
      const path = join(server, file)
      if (!existsSync(path)) return [`${file} is not there`]
      const text = readFileSync(path, 'utf8')
      return ids.filter(id => !new RegExp(`\\b${id}\\b`).test(text)).map(id => `${file} does not name ${id}`)
    }),
  )
  assert.deepEqual(wrong, [])
})
