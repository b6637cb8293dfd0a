/** The thread in which queries run: what stalls here, or takes too much memory, is ended from outside. */
import { parentPort, workerData } from 'node:worker_threads'
import * as fontoxpath from 'fontoxpath'
import type { Query, QueryAnswer, QueryResult, QueryVariable } from './contracts.ts'
import { documentOf, facade, factory, Node, plainOf, writer } from './dom.ts'

// It is CommonJS: Node sees one export, its types say each.
const { createTypedValueFactory, evaluateXPath } = (fontoxpath as unknown as { default: typeof fontoxpath }).default

type Options = NonNullable<Parameters<typeof evaluateXPath>[5]>

const port = parentPort
if (!port) throw new TypeError('this module is the thread of the XQuery engine')

port.on('message', (query: Query) => port.postMessage(answer(query)))
port.postMessage(workerData ?? 'ready')

function answer(query: Query): QueryAnswer {
  try {
    return { result: evaluate(query) }
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

function evaluate({ text, context, variables }: Query): QueryResult {
  const options = {
    language: evaluateXPath.XQUERY_3_1_LANGUAGE,
    nodesFactory: factory,
    documentWriter: writer,
  } as unknown as Options
  const given: Record<string, unknown> = {}
  for (const variable of variables) given[variable.name] = valueOf(variable)
  const [first] = evaluateXPath(
    text,
    context && documentOf(context),
    facade as never,
    given,
    evaluateXPath.ALL_RESULTS_TYPE,
    options,
  ) as unknown[]
  if (first === undefined || first === null) return null
  if (first instanceof Node) return { node: plainOf(first) }
  if (first instanceof Date) return { atomic: first.toISOString() }
  return { atomic: typeof first === 'object' ? JSON.stringify(first) : String(first) }
}

function valueOf({ value }: QueryVariable): unknown {
  switch (value.type) {
    case 'document':
      return documentOf(value.element)
    case 'element':
      return documentOf(value.element).childNodes[0]
    default:
      return createTypedValueFactory(value.type)(value.value, facade as never)
  }
}
