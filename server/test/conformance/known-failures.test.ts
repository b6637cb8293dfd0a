import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kinds } from '../../kinds/all.ts'
import { Catalog } from '../../schema/catalog.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const LIST = 'server/test/conformance/expected-failures.txt'
/** The suite lies beside the checkout, or where `.ci/run` says. */
const suite = join(process.env['SHARED_DIR'] ?? join(root, '..', 'shared'), 'conformance', 'cases.json')
const entries = read(readFileSync(join(root, LIST), 'utf8'))

interface Entry {
  readonly id: string
  /** Elements of the language that the case uses and we lack; none if the case itself is at fault. */
  readonly lacks: readonly string[]
}

/** `ID  # lacks ELEMENT, …`, or `ID  # case: REASON`. */
function read(text: string): Entry[] {
  return text
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
    .map(line => {
      const [, id, why, text] = /^(\S+) +# (lacks|case:) (\S.*)$/.exec(line) ?? []
      assert.ok(id !== undefined && text !== undefined, `"${line}" gives no reason: ID  # lacks ELEMENT, …`)
      return { id, lacks: why === 'lacks' ? text.split(', ') : [] }
    })
}

test('known conformance failures are sorted and each one is listed once', () => {
  const ids = entries.map(({ id }) => id)
  assert.deepEqual(ids, [...new Set(ids)].sort())
})

test('no case is excused for lack of something this server offers', () => {
  const catalog = new Catalog(kinds)
  const offered = new Set(catalog.walk().flatMap(kind => ('tag' in kind ? [kind.tag as string] : [])))
  for (const { id, lacks } of entries) {
    const there = lacks.filter(element => offered.has(element))
    assert.ok(
      lacks.length === 0 || there.length < lacks.length,
      `${id} lacks nothing any more: ${lacks.join(', ')} is offered; take it off`,
    )
  }
})

test('every id is a case of the suite', { skip: !existsSync(suite) && `${suite} is not there` }, () => {
  const text = readFileSync(suite, 'utf8')
  const known = new Set((JSON.parse(text) as { cases: { id: string }[] }).cases.map(({ id }) => id))
  assert.deepEqual(
    entries.filter(({ id }) => !known.has(id)).map(({ id }) => id),
    [],
  )
})

test('the list of known conformance failures only shrinks', () => {
  const git = (...args: string[]): string => {
    const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
    return status === 0 ? stdout : ''
  }
  const [latest, ...older] = git('log', '--format=%H', '--', LIST).split('\n').filter(Boolean)
  let newer = new Set(entries.map(({ id }) => id))
  for (const revision of latest === undefined ? [] : [latest, ...older]) {
    const before = new Set(read(git('show', `${revision}:${LIST}`)).map(({ id }) => id))
    const added = [...newer].filter(id => !before.has(id))
    assert.deepEqual(added, [], `added after ${revision.slice(0, 8)}: mend these instead`)
    newer = before
  }
})
