/** Expressions in the three languages, grown from their grammars. */
import { HOSTILE, type Dice } from './dice.ts'

const XPATH_FUNCTIONS = [
  'position()',
  'last()',
  'count(X)',
  'string(X)',
  'concat(X, X)',
  'substring(X, N, N)',
  'contains(X, X)',
  'not(X)',
  'number(X)',
  'sum(X)',
  'name(X)',
  'local-name(X)',
  'normalize-space(X)',
  'translate(X, X, X)',
  'id(X)',
  'lang(X)',
  "get-property('a')",
  "get-property('axis2', 'b')",
  'fn:lower-case(X)',
  'true()',
  'round(X)',
  "syn:get-property('To')",
  'base64Encode(X)',
  'base64Decode(X)',
  'substring-before(X, X)',
  'starts-with(X, X)',
  'string-length(X)',
  'floor(X)',
] as const
const AXES = [
  'child',
  'descendant',
  'ancestor',
  'following-sibling',
  'preceding',
  'self',
  'parent',
  'attribute',
  'namespace',
  'following',
  'descendant-or-self',
  'ancestor-or-self',
  'preceding-sibling',
] as const
const TESTS = [
  '*',
  'a',
  'b',
  'm:order',
  'node()',
  'text()',
  'comment()',
  "processing-instruction('x')",
  'soapenv:Body',
] as const

export function xpath(dice: Dice, depth = 0): string {
  if (depth > 4 || dice.once(5))
    return dice.pick([
      '1',
      '0.5',
      "'x'",
      '"y"',
      '.',
      '..',
      '/',
      '$body',
      '$ctx:a',
      '$trp:b',
      '$axis2:c',
      '$env',
      '$undefined',
      '@id',
      '*',
    ])
  switch (dice.below(6)) {
    case 0:
      return `${xpath(dice, depth + 1)} ${dice.pick(['+', '-', '*', 'div', 'mod', '=', '!=', '<', '>=', 'and', 'or', '|'])} ${xpath(dice, depth + 1)}`
    case 1:
      return dice
        .pick(XPATH_FUNCTIONS)
        .replace(/X/g, () => xpath(dice, depth + 1))
        .replace(/N/g, () => dice.pick(['1', '-1', '1 div 0', '99999999999']))
    case 2:
      return `(${xpath(dice, depth + 1)})`
    case 3:
      return `-${xpath(dice, depth + 1)}`
    default: {
      let path = dice.pick(['', '/', '//', '$body/', './/'])
      for (let steps = 1 + dice.few(4); steps > 0; steps--) {
        if (!/(?:^|\/)$/.test(path)) path += dice.pick(['/', '//'])
        path += dice.once(2) ? dice.pick(TESTS) : `${dice.pick(AXES)}::${dice.pick(TESTS)}`
        if (dice.once(3)) path += `[${xpath(dice, depth + 1)}]`
      }
      return path
    }
  }
}

export function jsonPath(dice: Dice, depth = 0): string {
  let path = dice.pick(['$', '$', '$.', '@', ''])
  for (let steps = dice.few(5); steps > 0; steps--) {
    path += dice.pick([
      '.a',
      '.b',
      '..a',
      '.*',
      '..*',
      "['a']",
      "['a','b']",
      '[0]',
      '[-1]',
      '[*]',
      '[0:2]',
      '[::-1]',
      '[1,2]',
      '[99999999999]',
      '.length()',
      '.keys()',
      '.min()',
      '.__proto__',
      '[(@.length-1)]',
    ])
    if (dice.once(4) && depth < 3) {
      path += `[?(@.${dice.pick(['a', 'b', 'c'])} ${dice.pick(['==', '!=', '<', '=~', 'in', 'nin', 'size', 'empty'])} ${dice.pick(['1', "'x'", '/(a+)+$/', jsonPath(dice, depth + 1), 'true', "['a']"])})]`
    }
  }
  return path
}

export function synapse(dice: Dice, depth = 0): string {
  if (depth > 4 || dice.once(4)) {
    return dice.pick([
      'payload',
      'payload.a',
      "payload['a'][0]",
      'vars.x',
      'headers.Host',
      'properties.synapse.a',
      'properties.axis2.b',
      'params.queryParams.q',
      'attributes.statusCode',
      '1',
      '-0.5',
      '"t"',
      "'u'",
      'true',
      'null',
      'configs.x',
      'payload..a',
      'payload.*',
    ])
  }
  const next = (): string => synapse(dice, depth + 1)
  switch (dice.below(6)) {
    case 0:
      return `${next()} ${dice.pick(['+', '-', '*', '/', '%', '==', '!=', '<', '>=', 'and', 'or', '&&', '||'])} ${next()}`
    case 1:
      return `${next()} ? ${next()} : ${next()}`
    case 2:
      return `(${next()})`
    case 3:
      return dice.pick(['not X', '!X', '-X']).replace('X', next)
    case 4:
      return dice
        .pick([
          'length(X)',
          'toUpper(X)',
          'subString(X, 1, 2)',
          'replace(X, X, X)',
          'split(X, X)',
          'round(X)',
          'pow(X, X)',
          'integer(X)',
          'string(X)',
          'boolean(X)',
          'xpath(X)',
          'formatDateTime(X, X)',
          'now()',
          'base64decode(X)',
          'urlEncode(X)',
          'charAt(X, 9)',
          'indexOf(X, X)',
          'exists(X)',
          'registry(X)',
          'secret(X)',
          'not(X)',
          'unknown(X)',
          'abs(X)',
          'sqrt(X)',
          'log(X)',
          'isNumber(X)',
          'object(X)',
          'array(X)',
          'matches(X, X)',
        ])
        .replace(/X/g, next)
    default:
      return `payload[?(@.${dice.pick(['a', 'b'])} > ${next()})]`
  }
}

/** In any of them, now and then with something wrong in it. */
export function anExpression(dice: Dice): string {
  const text = dice.pick([xpath, (d: Dice) => `json-eval(${jsonPath(d)})`, (d: Dice) => `\${${synapse(d)}}`])(dice)
  return dice.once(5) ? garbled(dice, text) : text
}

function garbled(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1)
  return text.slice(0, at) + dice.pick(HOSTILE) + text.slice(at + dice.few(4))
}
