import { randomNumbers } from '../../../axis2-mock/quotes.ts'

/** Chance from a seed, and what fuzzing makes of bytes and texts with it. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomNumbers(seed)
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  /** True once in so many times. */
  once(inTimes: number): boolean {
    return this.below(inTimes) === 0
  }

  /** So many, more seldom the more. */
  few(most: number): number {
    return this.below(this.below(most + 1) + 1)
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** The bytes with a few things wrong: flipped, taken out, put in, doubled, cut off, or a number that is too large. */
  noise(bytes: Uint8Array, least = 0): Buffer {
    let mangled = Buffer.from(bytes)
    for (let times = Math.max(least, this.few(8)); times > 0; times--) {
      const at = this.below(mangled.length + 1)
      const length = this.few(32)
      const [before, after] = [mangled.subarray(0, at), mangled.subarray(at)]
      switch (this.below(7)) {
        case 0:
          if (at < mangled.length) mangled[at] = mangled[at]! ^ (1 << this.below(8))
          break
        case 1:
          mangled = Buffer.concat([before, after.subarray(length)])
          break
        case 2:
          mangled = Buffer.concat([before, this.bytes(length), after])
          break
        case 3:
          mangled = Buffer.concat([before, after.subarray(0, length), after])
          break
        case 4:
          mangled = Buffer.from(this.once(3) ? before : mangled)
          break
        case 5:
          for (let i = at; i < Math.min(at + 4, mangled.length); i++) mangled[i] = this.pick([0xff, 0x7f, 0x80, 0])
          break
        default:
          mangled = Buffer.concat([before, Buffer.from(this.pick(HOSTILE)), after])
      }
    }
    return mangled
  }

  /** As {@link noise}, of a text; what comes out is a text again. */
  garble(text: string, least = 0): string {
    return this.noise(Buffer.from(text), least).toString(this.once(4) ? 'latin1' : 'utf8')
  }
}

/** Texts that have hurt somebody. */
export const HOSTILE: readonly string[] = [
  '',
  ' ',
  '\u0000',
  '\ufeff',
  '\ud800',
  '\u2028',
  '0',
  '-1',
  '-0',
  '1e999',
  '1e-999',
  '9007199254740993',
  '2147483648',
  '-9223372036854775809',
  'NaN',
  'Infinity',
  'true',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '<',
  '>',
  '&',
  '&amp;',
  '&#0;',
  '&#x110000;',
  ']]>',
  '<![CDATA[',
  '<!--',
  '-->',
  '<?xml version="1.0"?>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '"',
  "'",
  '\\',
  '\\u0000',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  '[[[[[[[[[[[[[[[[',
  '((((((((((((((((',
  '${',
  '$',
  '$..*',
  '@',
  '//',
  '//*//*//*//*',
  '../../../../etc/passwd',
  '%00',
  '%',
  '%2e%2e',
  '\r\n',
  '\r\nContent-Length: 0\r\n',
  'Transfer-Encoding: chunked',
  '(a+)+$',
  'file:///etc/passwd',
  'http://127.0.0.1:1/',
  'PT1S',
  '1s',
]
