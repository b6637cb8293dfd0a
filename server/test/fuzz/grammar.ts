/** Artifacts as the schema describes them, with values that are right, nearly right and hostile. */
import { formOf, type Input, type ValueInput } from '../../schema/emit/forms.ts'
import type { AnyKind } from '../../schema/kinds.ts'
import { catalog, SYNAPSE } from '../../testing/rig.ts'
import { escapeAttribute, escapeText } from '../../xml/writer.ts'
import { HOSTILE, type Dice } from './dice.ts'
import { anExpression } from './expressions.ts'

const DEEPEST = 5
const NAMES = ['a', 'b', 'main', 'fault', 'orders', 'urn:x', 'gov:x/y.xml', 'conf:x']

/** One artifact. Most decode without an error, many are nearly right. */
export function anArtifact(dice: Dice): string {
  const kinds = catalog.walk().filter(kind => 'nameAttribute' in kind)
  const kind = dice.pick(kinds)
  if (dice.once(3)) return example(dice, kind)
  const [tag, attributes, content] = element(dice, kind, 0)
  return `<${tag} xmlns="${SYNAPSE}"${attributes}>${content}</${tag}>`
}

/** Mediators in a row. */
export function someMediators(dice: Dice, depth = 0): string {
  const kinds = catalog.walk().filter(kind => kind.role === 'mediator')
  let text = ''
  for (let count = dice.few(depth > 2 ? 2 : 5); count > 0; count--) {
    const kind = dice.pick(kinds)
    if (dice.once(3)) {
      text += dice.pick(kind.examples).xml
      continue
    }
    const [tag, attributes, content] = element(dice, kind, depth)
    text += content === '' ? `<${tag}${attributes}/>` : `<${tag}${attributes}>${content}</${tag}>`
  }
  return text
}

function example(dice: Dice, kind: AnyKind): string {
  return dice.pick(kind.examples).xml.replace(/^(<[\w:]+)(?![^>]*xmlns=)/, `$1 xmlns="${SYNAPSE}"`)
}

function element(dice: Dice, kind: AnyKind, depth: number): [tag: string, attributes: string, content: string] {
  const { inputs } = formOf(kind)
  const tag = 'tag' in kind ? kind.tag : 'parameter'
  return [tag, ...written(dice, inputs, depth)]
}

function written(dice: Dice, inputs: readonly Input[], depth: number): [attributes: string, content: string] {
  let attributes = ''
  let content = ''
  const seen = new Set<string>()
  for (const input of inputs) {
    const wanted = ('required' in input && input.required && !dice.once(20)) || dice.once(2)
    if (!wanted) continue
    if (input.input === 'choice') {
      const [more, inside] = written(dice, [dice.pick(input.options)], depth)
      if (!seen.has(more)) attributes += more
      seen.add(more)
      content += inside
    } else if (input.input === 'value') {
      const value = aValue(dice, input)
      if (input.place === 'attribute') {
        if (!seen.has(input.name)) attributes += ` ${input.name}="${escapeAttribute(clean(value))}"`
        seen.add(input.name)
      } else if (input.place === 'parameter') {
        content += `<parameter name="${input.name}">${escapeText(clean(value))}</parameter>`
      } else content += escapeText(clean(value))
    } else if (depth < DEEPEST) content += part(dice, input, depth)
  }
  if (dice.once(30))
    attributes += ` ${dice.pick(['unknown', 'onError', 'x:y'])}="${escapeAttribute(clean(dice.pick(HOSTILE)))}"`
  return [attributes, content]
}

function part(dice: Dice, input: Exclude<Input, ValueInput>, depth: number): string {
  switch (input.input) {
    case 'group': {
      let text = ''
      for (let count = input.many ? 1 + dice.few(3) : 1; count > 0; count--) {
        const [attributes, content] = written(dice, input.inputs, depth + 1)
        text += `<${input.name}${attributes}>${content}</${input.name}>`
      }
      return text
    }
    case 'steps':
      return someMediators(dice, depth + 1)
    case 'endpoint':
    case 'endpointBody':
      return endpoint(dice, input.input === 'endpoint')
    case 'layers':
      return dice.pick(catalog.layers()).examples[0]?.xml ?? ''
    case 'inline':
      return dice.pick(['<x/>', '<x xmlns="urn:x"><y>1</y></x>', '{"a": 1}', 'text', ''])
    case 'parameters':
      return `<parameter name="${clean(dice.pick(NAMES))}">${escapeText(clean(dice.pick(HOSTILE)))}</parameter>`
    default:
      return ''
  }
}

function endpoint(dice: Dice, whole: boolean): string {
  const body = dice.pick(catalog.endpoints().flatMap(({ examples }) => examples)).xml
  if (!whole) return body.replace(/^<endpoint[^>]*>|<\/endpoint>$/g, '')
  return dice.once(2) ? `<endpoint key="${dice.pick(NAMES)}"/>` : body
}

function aValue(dice: Dice, { widget, options, placeholder }: ValueInput): string {
  if (dice.once(8)) return dice.pick(HOSTILE)
  switch (widget) {
    case 'switch':
      return dice.pick(['true', 'false'])
    case 'number':
      return dice.pick(['0', '1', '5', '1000', '-1'])
    case 'options':
      return options ? dice.pick(options) : ''
    case 'expression':
      return anExpression(dice)
    case 'picker':
      return dice.once(4) ? `{${anExpression(dice)}}` : dice.pick(NAMES)
    default:
      return placeholder !== undefined && dice.once(2)
        ? placeholder
        : dice.pick([...NAMES, 'http://127.0.0.1:9000/x', '//a', '{//a}', '${payload.a}', '1000', '0 0 * * * ?', '.*'])
  }
}

/** Without what no XML can hold; byte noise is for that. */
function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what is taken out
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '')
}
