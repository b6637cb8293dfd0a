import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptSenders, MOST_SENDERS } from './kept-senders.ts'

function recorded() {
  const opened: string[] = []
  const closed: string[] = []
  const over = new Set<string>()
  const senders = new KeptSenders(({ name }) => {
    opened.push(name)
    return {
      get over() {
        return over.has(name)
      },
      close: () => void closed.push(name),
    }
  })
  const use = (name: string, work = async (): Promise<void> => {}): Promise<void> =>
    senders.use({ kind: 'temporary-queue', name }, work)
  return { senders, opened, closed, over, use }
}

test('however many destinations there are, only the last used ones are kept', async () => {
  const { opened, closed, use } = recorded()
  for (let number = 0; number < MOST_SENDERS; number++) await use(`reply-${number}`)
  await use('reply-0')
  assert.deepEqual([opened.length, closed], [MOST_SENDERS, []])
  for (let number = 0; number < 1000; number++) await use(`later-${number}`)
  assert.equal(opened.length - closed.length, MOST_SENDERS)
  assert.deepEqual(closed.slice(0, 2), ['reply-1', 'reply-2'], 'what was used again is not the oldest')
})

test('one in use is not closed, and counts again once it is done', async () => {
  const { closed, use } = recorded()
  let done!: () => void
  const long = use('long', () => new Promise<void>(resolve => (done = resolve)))
  for (let number = 0; number < 2 * MOST_SENDERS; number++) await use(`reply-${number}`)
  assert.ok(!closed.includes('long'))
  done()
  await long
  await use('next')
  assert.ok(closed.includes('long'))
})

test('one that can send nothing more is replaced, and all go with their owner', async () => {
  const { senders, opened, closed, over, use } = recorded()
  await use('a')
  over.add('a')
  await use('a')
  assert.deepEqual(opened, ['a', 'a'])
  senders.close()
  assert.deepEqual(closed, ['a'])
})
