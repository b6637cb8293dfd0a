import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sequence } from '../kernel/contracts.ts'
import { decode } from '../testing/rig.ts'
import { link, type Linked } from './linker.ts'
import { plan, type Deployed, type Plan } from './planner.ts'

type Files = Record<string, string>

function linked(files: Files, current: readonly Deployed[] = []): Linked {
  const decoded = Object.entries(files).map(([file, text]) => ({
    ...decode(text, {}, file),
    ...(text === UNREADABLE && { isFolder: true }),
  }))
  return link(decoded, { deployed: new Map(current.map(entry => [entry.linked.key, entry.artifact.at.file])) })
}

/** Stands for a folder that cannot be listed; it is no XML either. */
const UNREADABLE = '(a folder)'

/** What would run after these files were deployed on an empty server. */
function running(files: Files): Deployed[] {
  return linked(files).artifacts.map(artifact => ({
    linked: artifact,
    instance: { name: artifact.name } as Sequence,
    artifact: { ...artifact.decoded, role: artifact.role, config: undefined },
  }))
}

function planned(before: Files, after: Files): Record<keyof Plan, string[]> {
  const current = running(before)
  const { added, replaced, removed, kept } = plan(current, linked(after, current))
  return {
    added: added.map(({ key }) => key),
    replaced: replaced.map(({ after }) => after.key),
    removed: removed.map(entry => entry.linked.key),
    kept: kept.map(entry => entry.linked.key),
  }
}

const NOTHING = { added: [], replaced: [], removed: [], kept: [] }
const sequence = (name: string, inside = '<drop/>'): string => `<sequence name="${name}">${inside}</sequence>`
const all = (...inside: string[]): string =>
  `<definitions xmlns="http://ws.apache.org/ns/synapse">${inside.join('\n')}</definitions>`
const SAMPLING = 'class="org.apache.synapse.message.processor.impl.sampler.SamplingProcessor"'
const processor = (name: string, store: string): string =>
  `<messageProcessor name="${name}" ${SAMPLING} messageStore="${store}"><parameter name="sequence">s</parameter></messageProcessor>`

test('what comes is added, what changes replaced, what goes removed, the rest kept', () => {
  const before = { 'a.xml': sequence('a'), 'b.xml': sequence('b'), 'c.xml': sequence('c') }
  const after = { 'a.xml': sequence('a'), 'b.xml': sequence('b', '<respond/>'), 'd.xml': sequence('d') }
  assert.deepEqual(planned(before, after), {
    added: ['sequence:d'],
    replaced: ['sequence:b'],
    removed: ['sequence:c'],
    kept: ['sequence:a'],
  })
})

test('an artifact that moved to another file or line runs on, and is known by its new place', () => {
  const current = running({ 'a.xml': sequence('a') })
  const { kept } = plan(current, linked({ 'z.xml': `\n\n${sequence('a')}` }, current))
  assert.deepEqual(
    kept.map(({ artifact, instance }) => [artifact.at, instance]),
    [[{ file: 'z.xml', line: 3, column: 1 }, current[0]!.instance]],
  )
})

for (const [what, text] of [
  ['no longer XML', '<sequence name="a"'],
  ['an error inside', sequence('a', '<nope/>')],
  ['a root nobody knows', '<seqence name="a"><drop/></seqence>'],
  ['no name any more', '<sequence><drop/></sequence>'],
  ['a misspelt name and an error', sequence('aa', '<nope/>')],
] as const) {
  test(`a file with ${what} leaves in place what came from it`, () => {
    const before = { 'a.xml': sequence('a'), 'b.xml': sequence('b') }
    assert.deepEqual(planned(before, { 'a.xml': text, 'b.xml': sequence('b') }), {
      ...NOTHING,
      kept: ['sequence:a', 'sequence:b'],
    })
  })
}

test('one broken artifact of a whole configuration keeps its old version; the others follow their file', () => {
  const before = { 'all.xml': all(sequence('a'), sequence('b'), '<localEntry key="gone">x</localEntry>') }
  const after = { 'all.xml': all(sequence('a', '<nope/>'), sequence('b', '<respond/>')) }
  assert.deepEqual(planned(before, after), {
    added: [],
    replaced: ['sequence:b'],
    removed: ['local-entry:gone'],
    kept: ['sequence:a'],
  })
})

test('a second artifact of a name hides nothing: what was removed beside it goes', () => {
  const before = { 'all.xml': all(sequence('a'), sequence('b')) }
  const after = { 'all.xml': all(sequence('a'), sequence('a')) }
  assert.deepEqual(planned(before, after), { ...NOTHING, removed: ['sequence:b'], kept: ['sequence:a'] })
})

test('a folder that cannot be listed keeps everything that came from it, and nothing of its neighbours', () => {
  const before = { 'in/a.xml': sequence('a'), 'in/deep/b.xml': sequence('b'), 'inside.xml': sequence('c') }
  assert.deepEqual(planned(before, { in: UNREADABLE }), {
    ...NOTHING,
    removed: ['sequence:c'],
    kept: ['sequence:a', 'sequence:b'],
  })
  assert.deepEqual(planned(before, { '': UNREADABLE }), {
    ...NOTHING,
    kept: ['sequence:a', 'sequence:b', 'sequence:c'],
  })
})

test('a broken newcomer keeps nothing in place that was taken away', () => {
  assert.deepEqual(planned({ 'a.xml': sequence('a') }, { 'b.xml': sequence('b', '<nope/>') }), {
    ...NOTHING,
    removed: ['sequence:a'],
  })
})

test('a processor starts anew when its store comes, changes or goes', () => {
  const p = processor('p', 'm')
  const old = '<messageStore name="m"/>'
  const changed = '<messageStore name="m"><parameter name="store.producer.retry.count">2</parameter></messageStore>'
  const other = processor('other', 'n')
  const rest = { 'p.xml': p, 'o.xml': other }
  assert.deepEqual(planned({ ...rest, 'm.xml': old }, { ...rest, 'm.xml': changed }).replaced, [
    'message-store:m',
    'message-processor:p',
  ])
  assert.deepEqual(planned(rest, { ...rest, 'm.xml': old }), {
    added: ['message-store:m'],
    replaced: ['message-processor:p'],
    removed: [],
    kept: ['message-processor:other'],
  })
  assert.deepEqual(planned({ ...rest, 'm.xml': old }, rest).replaced, ['message-processor:p'])
})

test('a processor whose file is broken starts anew from what it was made of when its store changes', () => {
  const before = { 'm.xml': '<messageStore name="m"/>', 'p.xml': processor('p', 'm') }
  const after = {
    'm.xml': '<messageStore name="m"><parameter name="store.producer.retry.count">2</parameter></messageStore>',
    'p.xml': '<broken',
  }
  const current = running(before)
  const { replaced } = plan(current, linked(after, current))
  assert.deepEqual(
    replaced.map(({ after }) => after.key),
    ['message-store:m', 'message-processor:p'],
  )
  assert.equal(replaced[1]!.after, replaced[1]!.before.linked)
})
