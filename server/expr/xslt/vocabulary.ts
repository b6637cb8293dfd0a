export const XSL = 'http://www.w3.org/1999/XSL/Transform'

/** Namespaces in which `node-set` is known: EXSLT, Xalan (what Synapse runs) and MSXML. */
export const NODE_SET_NAMESPACES: ReadonlySet<string> = new Set([
  'http://exslt.org/common',
  'http://xml.apache.org/xalan',
  'urn:schemas-microsoft-com:xslt',
])

/** Instructions of XSLT 1.0 §18, which is also what element-available() says yes to. */
export const INSTRUCTIONS: ReadonlySet<string> = new Set([
  'apply-imports',
  'apply-templates',
  'attribute',
  'call-template',
  'choose',
  'comment',
  'copy',
  'copy-of',
  'element',
  'fallback',
  'for-each',
  'if',
  'message',
  'number',
  'processing-instruction',
  'text',
  'value-of',
  'variable',
])

export const DECLARATIONS: ReadonlySet<string> = new Set([
  'attribute-set',
  'decimal-format',
  'import',
  'include',
  'key',
  'namespace-alias',
  'output',
  'param',
  'preserve-space',
  'strip-space',
  'template',
  'variable',
])

/** What XSLT 2.0 and 3.0 added below the top: a processor of 1.0 must not be asked to run it. */
export const LATER_INSTRUCTIONS: ReadonlySet<string> = new Set([
  'analyze-string',
  'assert',
  'break',
  'catch',
  'context-item',
  'document',
  'evaluate',
  'for-each-group',
  'fork',
  'iterate',
  'map',
  'map-entry',
  'matching-substring',
  'merge',
  'namespace',
  'next-iteration',
  'next-match',
  'non-matching-substring',
  'on-completion',
  'on-empty',
  'on-non-empty',
  'perform-sort',
  'result-document',
  'sequence',
  'source-document',
  'stream',
  'try',
  'where-populated',
])

/** Top-level elements of later versions: leaving them out would change the result without a word. */
export const LATER_DECLARATIONS: ReadonlySet<string> = new Set([
  'accumulator',
  'character-map',
  'function',
  'global-context-item',
  'import-schema',
  'mode',
  'use-package',
])
