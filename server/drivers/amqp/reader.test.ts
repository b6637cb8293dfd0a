import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { AmqpReader } from './reader.ts'
import { AmqpWriter } from './writer.ts'

function encoded(value: unknown): Buffer {
  const writer = new (
    rhea.types as unknown as { Writer: new () => { write(value: unknown): void; toBuffer(): Buffer } }
  ).Writer()
  writer.write(value)
  return writer.toBuffer()
}

test('every simple type that rhea writes is read, and passed over to the same place', () => {
  const { types } = rhea
  const long = 'é'.repeat(200)
  const cases: [unknown, unknown][] = [
    [types.wrap(null), null],
    [types.wrap_boolean(true), true],
    [types.wrap_boolean(false), false],
    [types.wrap_ubyte(200), 200],
    [types.wrap_ushort(60_000), 60_000],
    [types.wrap_uint(0), 0],
    [types.wrap_uint(200), 200],
    [types.wrap_uint(4_000_000_000), 4_000_000_000],
    [types.wrap_ulong(5), 5],
    [types.wrap_ulong(2 ** 40), 2 ** 40],
    [types.wrap_byte(-3), -3],
    [types.wrap_short(-300), -300],
    [types.wrap_int(-7), -7],
    [types.wrap_int(-70_000), -70_000],
    [types.wrap_long(-5), -5],
    [types.wrap_long(2 ** 41), 2 ** 41],
    [types.wrap_long(Buffer.from('7fffffffffffffff', 'hex')), 2n ** 63n - 1n],
    [types.wrap_float(0.5), 0.5],
    [types.wrap_double(0.1), 0.1],
    [types.wrap_timestamp(1_700_000_000_000), 1_700_000_000_000],
    [types.wrap_uuid(Buffer.from('00112233445566778899aabbccddeeff', 'hex')), '00112233-4455-6677-8899-aabbccddeeff'],
    [types.wrap_string('text'), 'text'],
    [types.wrap_string(long), long],
    [types.wrap_symbol('sym'), 'sym'],
    [types.wrap_binary(Buffer.from('bin')), Buffer.from('bin')],
    [types.wrap_list([]), []],
    [types.wrap_list([1, 'a', [true]]), [1, 'a', [true]]],
    [
      types.wrap_map({ a: 1, b: 'c' }),
      new Map<unknown, unknown>([
        ['a', 1],
        ['b', 'c'],
      ]),
    ],
    [types.wrap_array(['x', 'y'], 0xa3, undefined), ['x', 'y']],
    [types.wrap_described('v', 5), { descriptor: 5, value: 'v' }],
  ]
  for (const [typed, expected] of cases) {
    const bytes = encoded(typed)
    const reader = new AmqpReader(bytes)
    assert.deepEqual(reader.value(), expected)
    assert.equal(reader.at, bytes.length)
    const skipper = new AmqpReader(bytes)
    skipper.skip()
    assert.equal(skipper.at, bytes.length)
  }
})

test('what our writer writes rhea reads', () => {
  const writer = new AmqpWriter()
  const list = writer.list()
  writer.null()
  writer.boolean(true)
  writer.ubyte(250)
  writer.byte(-2)
  writer.uint(0)
  writer.uint(9)
  writer.uint(70_000)
  writer.int(-70_000)
  writer.long(-(2 ** 40))
  writer.double(0.25)
  writer.timestamp(12_345)
  writer.string('é')
  writer.string('x'.repeat(3000))
  writer.symbol('s')
  writer.binary(Buffer.from([1, 2]))
  const map = writer.map()
  writer.string('k')
  writer.uint(1)
  writer.close(map, 2)
  writer.close(list, 16)
  const reader = new (rhea.types as unknown as { Reader: new (bytes: Buffer) => { read(): unknown } }).Reader(
    writer.finish(),
  )
  const seen = rhea.types.unwrap(reader.read() as never) as unknown[]
  assert.deepEqual(seen.slice(0, 10), [null, true, 250, -2, 0, 9, 70_000, -70_000, -(2 ** 40), 0.25])
  assert.deepEqual(seen.slice(10), [new Date(12_345), 'é', 'x'.repeat(3000), 's', Buffer.from([1, 2]), { k: 1 }])
})

test('lies about lengths and counts, and bottomless nesting, are refused at once', () => {
  const hostile = [
    'd0ffffffffffffffff', // a list of four billion elements
    'd000000005ffffffff40', // more elements than bytes
    'f0000000050fffffff40', // an array of a quarter of a billion nulls
    'f000000006ffffffff0040', // an array of described values
    'b1ffffffff61', // a string of four gigabytes
    'a105', // a string that is not there
    '00', // a descriptor without anything behind it
    'ff', // no such type
    '00'.repeat(5000),
    'c0ff01'.repeat(2000),
  ]
  for (const hex of hostile) {
    assert.throws(
      () => new AmqpReader(Buffer.from(hex, 'hex')).value(),
      { code: 'MESSAGE_UNREADABLE' },
      hex.slice(0, 20),
    )
  }
  assert.throws(() => new AmqpReader(Buffer.from('00'.repeat(5000), 'hex')).skip(), { code: 'MESSAGE_UNREADABLE' })
})
