import type { MessageViews } from '../environment.ts'
import type { Work } from '../xpath/work.ts'
import type { BinaryOperator } from './ast.ts'
import { MADE_CHARACTERS } from './functions.ts'
import {
  Decimal,
  decimalOf,
  EvaluationFailure,
  excerpt,
  isNumeric,
  isText,
  numberOf,
  textOfValue,
  type Value,
} from './values.ts'

/** One operator on two values, by the rules of synapse-language F.4. */
export function applyOperator(
  operator: BinaryOperator,
  left: Value,
  right: Value,
  views: MessageViews,
  work: Work,
): Value {
  const said = (value: Value): string => excerpt(textOfValue(value, views))
  const fail = (what: string): never => {
    throw new EvaluationFailure(`${what}: ${said(left)} ${operator} ${said(right)}`)
  }
  switch (operator) {
    case '==':
      return isSame(left, right, views)
    case '!=':
      return !isSame(left, right, views)
    case 'and':
    case 'or':
      if (typeof left !== 'boolean' || typeof right !== 'boolean') return fail('both sides have to be true or false')
      return operator === 'and' ? left && right : left || right
    case '+':
      if (isText(left) && isText(right)) return joined(textOfValue(left, views), textOfValue(right, views), work)
      if (!isNumeric(left) || !isNumeric(right)) return fail('both sides have to be numbers, or both texts')
      break
    default:
      if (!isNumeric(left) || !isNumeric(right)) return fail('both sides have to be numbers')
  }
  const [a, b] = [numberOf(left), numberOf(right)]
  switch (operator) {
    case '>':
      return a > b
    case '>=':
      return a >= b
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '/':
    case '%':
      if (b === 0) return fail('division by zero')
  }
  const result = arithmetic(operator, a, b)
  // Exact integers stay integers; whatever has met a double is one.
  const isDouble = left instanceof Decimal || right instanceof Decimal || !Number.isInteger(result)
  return isDouble ? decimalOf(result) : result
}

/** Counts the shorter text, so that a long one made of many pieces is counted once. */
function joined(left: string, right: string, work: Work): string {
  work.spend(Math.min(left.length, right.length) / MADE_CHARACTERS)
  return left + right
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%', a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '%':
      return a % b
  }
}

function isSame(left: Value, right: Value, views: MessageViews): boolean {
  if (left === null || right === null) return left === right
  return textOfValue(left, views) === textOfValue(right, views)
}
