import type { MessageContext } from '../kernel/context.ts'
import type { Expression } from '../kernel/contracts.ts'
import { text } from '../schema/index.ts'
import type { ValueType } from '../schema/types.ts'

/** Text with `{$ctx:name}`, `{get-property('name')}` or `{json-eval($.path)}` in it: literal parts and expressions. */
export type InlineText = readonly (string | Expression)[]

const HOLE = /\{((?:\$[a-z]+:|get-property\(|json-eval\()[^\s",<>}\]]+)\}/

export function inlineText(): ValueType<InlineText> {
  return {
    ...text(),
    name: 'inlineText',
    expected: 'text, with expressions in braces',
    parse(given, site) {
      const pieces: (string | Expression)[] = []
      for (const [index, piece] of given.split(HOLE).entries()) {
        const made = index % 2 === 0 ? piece : site.expression(piece)
        if (made === undefined) return { problem: '' }
        if (made !== '') pieces.push(made)
      }
      return { value: pieces }
    },
    print: pieces => pieces.map(piece => (typeof piece === 'string' ? piece : `{${piece.source}}`)).join(''),
  }
}

export function filled(pieces: InlineText, ctx: MessageContext): string {
  return pieces.map(piece => (typeof piece === 'string' ? piece : piece.string(ctx))).join('')
}
