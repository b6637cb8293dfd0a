import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameSplitter } from './frames.ts'

function frame(...bytes: number[]): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(bytes.length)
  return Buffer.concat([head, Buffer.from(bytes)])
}

test('frames are the same however the bytes are cut', () => {
  const stream = Buffer.concat([frame(1), frame(2, 3, 4), frame(5, 6), frame(7, 8, 9, 10, 11, 12, 13)])
  for (let size = 1; size <= stream.length; size++) {
    const frames: number[][] = []
    const splitter = new FrameSplitter(100, bytes => frames.push([...bytes]))
    for (let at = 0; at < stream.length; at += size) splitter.push(stream.subarray(at, at + size))
    assert.deepEqual(frames, [[1], [2, 3, 4], [5, 6], [7, 8, 9, 10, 11, 12, 13]], `chunks of ${size}`)
  }
})

test('a frame within one chunk is not copied', () => {
  const chunk = Buffer.concat([frame(1, 2), frame(3)])
  const frames: Buffer[] = []
  new FrameSplitter(100, bytes => frames.push(bytes)).push(chunk)
  assert.deepEqual(
    frames.map(({ buffer }) => buffer),
    [chunk.buffer, chunk.buffer],
  )
})

test('a length beyond the limit, of nothing or below is refused before anything is set aside for it', () => {
  for (const length of [0x7fffffff, 101, 0, -1]) {
    const head = Buffer.alloc(4)
    head.writeInt32BE(length)
    const whole = new FrameSplitter(100, () => assert.fail())
    assert.throws(() => whole.push(Buffer.concat([head, Buffer.alloc(1)])), /frame of -?\d+ bytes/)
    const inPieces = new FrameSplitter(100, () => assert.fail())
    assert.throws(() => [...head].forEach(byte => inPieces.push(Buffer.from([byte]))), /frame of -?\d+ bytes/)
  }
})
