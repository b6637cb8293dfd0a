/** Templates of FreeMarker: directives, interpolations and text, read into steps. */
import { parseAssignments, parseExpression, parseItems, parseList, type Eval } from './expression.ts'
import { Missing, present, truth } from './operators.ts'
import { piecesOf, type Piece } from './pieces.ts'
import { Leave, Run, type Step } from './run.ts'
import { itemsOf, keysOf, memberOf, textOf } from './values.ts'

/** Fills a template. `find` gives what the names at the top mean. */
export type FreemarkerTemplate = (find: (name: string) => unknown) => string

/** Said once at the top, or meant for whitespace: nothing to do here. */
const SILENT = new Set([
  'ftl',
  'setting',
  't',
  'lt',
  'rt',
  'nt',
  'flush',
  'autoesc',
  'noautoesc',
  'compress',
  'noescape',
])
const BLOCKS = new Set([
  'if',
  'list',
  'items',
  'sep',
  'switch',
  'assign',
  'local',
  'global',
  'autoesc',
  'noautoesc',
  'compress',
])

/** Throws a TypeError that says which part is beyond what is offered. */
export function parseFreemarker(text: string): FreemarkerTemplate {
  const parser = new Parser(piecesOf(text))
  const steps = parser.block()
  parser.end()
  return find => {
    const run = new Run(find)
    try {
      run.all(steps)
    } catch (thrown) {
      if (!(thrown instanceof Leave)) throw thrown
    }
    return run.output
  }
}

class Parser {
  readonly #pieces: readonly Piece[]
  #at = 0
  #depth = 0

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
  }

  end(): void {
    const left = this.#pieces[this.#at]
    if (left) throw new TypeError(`${left.kind === 'close' ? '</#' : '<#'}${left.text}> has no beginning`)
  }

  /** Up to a directive that is not its own. */
  block(): Step[] {
    if (++this.#depth > 100) throw new TypeError('directives are nested more than 100 levels deep')
    const steps: Step[] = []
    for (let piece = this.#pieces[this.#at]; piece; piece = this.#pieces[this.#at]) {
      if (
        piece.kind === 'close' ||
        (['else', 'elseif', 'case', 'default'].includes(piece.text) && piece.kind === 'open')
      )
        break
      this.#at++
      const step = this.#step(piece)
      if (step) steps.push(step)
    }
    this.#depth--
    return steps
  }

  #step({ kind, text, inside }: Piece): Step | undefined {
    if (kind === 'text') return run => run.write(text)
    if (kind === 'value') return valueStep(text)
    switch (text) {
      case 'if':
        return this.#if(inside)
      case 'list':
        return this.#list(inside)
      case 'items': {
        const names = parseItems(inside)
        const body = this.#body('items')
        return run => run.each(names, body)
      }
      case 'sep': {
        const body = this.block()
        this.#takesClose('sep')
        return run => {
          if (run.innermost?.isLast === false) run.all(body)
        }
      }
      case 'assign':
      case 'local':
      case 'global':
        return this.#assign(text, inside)
      case 'switch':
        return this.#switch(inside)
      case 'break':
      case 'continue':
      case 'stop':
        return () => {
          throw new Leave(text)
        }
      default:
        if (!SILENT.has(text)) throw new TypeError(`the FreeMarker directive <#${text}…> is not supported`)
        if (!BLOCKS.has(text)) return undefined
        return (
          body => run =>
            run.all(body)
        )(this.#body(text))
    }
  }

  #if(inside: string): Step {
    const branches = [{ holds: condition('if', inside), body: this.block() }]
    let otherwise: Step[] = []
    for (let piece = this.#next('if'); piece.kind === 'open'; piece = this.#next('if')) {
      if (piece.text === 'elseif') branches.push({ holds: condition('elseif', piece.inside), body: this.block() })
      else if (piece.text === 'else') otherwise = this.block()
      else throw new TypeError(`<#${piece.text}> does not belong into <#if>`)
    }
    return run => run.all(branches.find(({ holds }) => holds(run))?.body ?? otherwise)
  }

  #list(inside: string): Step {
    const { from, names } = told(`<#list ${inside}>`, () => parseList(inside))
    const body = this.block()
    let otherwise: Step[] = []
    let piece = this.#next('list')
    if (piece.kind === 'open' && piece.text === 'else') {
      otherwise = this.block()
      piece = this.#next('list')
    }
    if (piece.kind !== 'close') throw new TypeError(`<#${piece.text}> does not belong into <#list>`)
    return run => {
      const value = told(`<#list ${inside}>`, () => present(from(run)))
      const keys = itemsOf(value) ? undefined : keysOf(value)
      const items = itemsOf(value) ?? keys?.map(key => memberOf(value, key))
      if (!items) throw new TypeError(`<#list ${inside}> needs a list`)
      if (items.length === 0) return run.all(otherwise)
      run.lists.push({ items, keys })
      try {
        if (names.length > 0) run.each(names, body)
        else run.all(body)
      } finally {
        run.lists.pop()
      }
    }
  }

  #assign(directive: string, inside: string): Step {
    // `<#assign name>…</#assign>` keeps what is written inside.
    if (/^[A-Za-z_$]\w*$/.test(inside)) {
      const body = this.#body(directive)
      return run => run.set(inside, run.caught(body))
    }
    const made = told(`<#${directive} ${inside}>`, () => parseAssignments(inside))
    return run => {
      for (const { name, value } of made)
        run.set(
          name,
          told(`<#${directive} ${inside}>`, () => present(value(run))),
        )
    }
  }

  #switch(inside: string): Step {
    const value = told(`<#switch ${inside}>`, () => parseExpression(inside))
    this.block()
    const cases: { readonly when: Eval | undefined; readonly body: Step[] }[] = []
    for (let piece = this.#next('switch'); piece.kind === 'open'; piece = this.#next('switch')) {
      const { text, inside: when } = piece
      cases.push({
        when: text === 'case' ? told(`<#case ${when}>`, () => parseExpression(when)) : undefined,
        body: this.block(),
      })
    }
    return run => {
      const wanted = textOf(present(value(run)))
      const first = cases.findIndex(({ when }) => when !== undefined && textOf(when(run)) === wanted)
      const from = first >= 0 ? first : cases.findIndex(({ when }) => when === undefined)
      try {
        // As in Java, the next case goes on unless <#break> ends it.
        if (from >= 0) for (const { body } of cases.slice(from)) run.all(body)
      } catch (thrown) {
        if (!(thrown instanceof Leave) || thrown.what !== 'break') throw thrown
      }
    }
  }

  #body(name: string): Step[] {
    const body = this.block()
    const piece = this.#next(name)
    if (piece.kind !== 'close') throw new TypeError(`<#${piece.text}> does not belong into <#${name}>`)
    return body
  }

  #takesClose(name: string): void {
    const piece = this.#pieces[this.#at]
    if (piece?.kind === 'close' && piece.text === name) this.#at++
  }

  #next(inside: string): Piece {
    const piece = this.#pieces[this.#at++]
    if (!piece) throw new TypeError(`<#${inside}> has no end`)
    if (piece.kind === 'close' && piece.text !== inside)
      throw new TypeError(`</#${piece.text}> stands where </#${inside}> is expected`)
    return piece
  }
}

function condition(name: string, source: string): (run: Run) => boolean {
  const made = told(`<#${name} ${source}>`, () => parseExpression(source))
  return run => told(`<#${name} ${source}>`, () => truth(made(run)))
}

function valueStep(source: string): Step {
  const shown = `\${${source}}`
  const made = told(shown, () => parseExpression(source))
  return run => {
    const text = told(shown, () => textOf(made(run)))
    if (text === undefined) throw new TypeError(`${shown} has no value and no !default`)
    run.write(text)
  }
}

/** A mistake is told with the place it is in. */
function told<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    if (thrown instanceof Missing) throw new TypeError(`${place} has no value and no !default`, { cause: thrown })
    if (thrown instanceof TypeError && !thrown.message.startsWith('<#') && !thrown.message.startsWith('${'))
      throw new TypeError(`${place}: ${thrown.message}`, { cause: thrown })
    throw thrown
  }
}
