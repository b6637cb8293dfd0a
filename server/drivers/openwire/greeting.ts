import { MAGIC } from './commands.ts'

/** The length of a frame, the type of a greeting, and the magic word. */
const GREETING = Buffer.concat([Buffer.from([1]), MAGIC])
export const GREETING_LENGTH = 4 + GREETING.length

/** As far as it has come. */
export function mayBeOpenWire(first: Buffer): boolean {
  const said = first.subarray(4, GREETING_LENGTH)
  return said.equals(GREETING.subarray(0, said.length)) && (first.length < 1 || first[0] === 0)
}

export function isOpenWire(first: Buffer): boolean {
  return first.length >= GREETING_LENGTH && mayBeOpenWire(first)
}
