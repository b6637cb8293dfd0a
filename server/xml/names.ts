/** The name productions of XML 1.0 (fifth edition) and Namespaces in XML, without the colon. */
const START =
  'A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F' +
  '\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}'
const NC_NAME_PATTERN = `[${START}][-.0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040${START}]*`

const NC_NAME = new RegExp(`^${NC_NAME_PATTERN}$`, 'u')

/** Matches a name, colons included, at `lastIndex`. */
export function nameMatcher(): RegExp {
  return new RegExp(`[:${START}][-.:0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040${START}]*`, 'uy')
}

/** Matches a name without colon at `lastIndex`. */
export function ncNameMatcher(): RegExp {
  return new RegExp(NC_NAME_PATTERN, 'uy')
}

/** May stand as prefix or local name. */
export function isNcName(text: string): boolean {
  return NC_NAME.test(text)
}

export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'
export const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/'
