/** Messages: XML and JSON as they come, deep, wide, odd, and broken. */
import { HOSTILE, type Dice } from './dice.ts'

export function anXml(dice: Dice, depth = 0): string {
  const name = dice.pick([
    'a',
    'b',
    'm:order',
    'x:y',
    'soapenv:Body',
    'jsonObject',
    'jsonArray',
    'jsonElement',
    'é',
    '_1',
  ])
  let attributes = ''
  for (let count = dice.few(3); count > 0; count--) {
    attributes += dice.pick([
      ' id="1"',
      ' xmlns="urn:a"',
      ' xmlns=""',
      ' xmlns:m="urn:m"',
      ' xmlns:x="urn:x"',
      " q='\"'",
      ' m:a="&lt;&#10;"',
      ' xml:lang="en"',
      ' xsi:nil="true"',
      ` b="${'v'.repeat(dice.few(300))}"`,
    ])
  }
  let content = ''
  for (let count = depth > 12 ? 0 : dice.few(4); count > 0; count--) {
    content += dice.once(2)
      ? anXml(dice, depth + 1)
      : dice.pick([
          'text',
          '&amp;',
          '&#x1F600;',
          '<![CDATA[<&>]]>',
          '<!-- c -->',
          '<?pi x?>',
          '\r\n',
          '  ',
          '1',
          '007',
          'true',
          'null',
          '1e5',
          ...HOSTILE,
        ])
  }
  return `<${name}${attributes}>${content}</${name}>`
}

export function aSoap(dice: Dice): string {
  const version = dice.pick([
    'http://schemas.xmlsoap.org/soap/envelope/',
    'http://www.w3.org/2003/05/soap-envelope',
    'urn:wrong',
  ])
  const header = dice.once(3) ? `<soapenv:Header>${anXml(dice, 10)}</soapenv:Header>` : ''
  return `${dice.pick(['', '<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.1"?>', '\ufeff'])}<soapenv:Envelope xmlns:soapenv="${version}" xmlns:m="urn:m" xmlns:x="urn:x" xmlns:xsi="urn:xsi">${header}<soapenv:Body>${anXml(dice)}</soapenv:Body></soapenv:Envelope>`
}

export function aJson(dice: Dice, depth = 0): string {
  const kind = depth > 12 ? 9 : dice.below(10)
  if (kind < 3) {
    const members = Array.from(
      { length: dice.few(5) },
      () =>
        `${JSON.stringify(dice.pick(['a', 'b', '', '@id', '$', '#text', 'a b', '1', ...HOSTILE]))}:${aJson(dice, depth + 1)}`,
    )
    return `{${members.join(',')}}`
  }
  if (kind < 5) return `[${Array.from({ length: dice.few(5) }, () => aJson(dice, depth + 1)).join(',')}]`
  return dice.pick([
    '0',
    '-0',
    '1.50',
    '1e400',
    '-1E-7',
    '12345678901234567890',
    'true',
    'false',
    'null',
    '"x"',
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"é\\n"',
    JSON.stringify(dice.pick(HOSTILE)),
  ])
}

/** Very deep or very long: what a recursion or a search would break at. */
export function anExtreme(dice: Dice): { readonly text: string; readonly type: string } {
  const count = 200 + dice.below(20_000)
  return dice.pick([
    { text: '<a>'.repeat(count) + '</a>'.repeat(count), type: 'application/xml' },
    { text: '['.repeat(count) + ']'.repeat(count), type: 'application/json' },
    { text: '{"a":'.repeat(count) + '1' + '}'.repeat(count), type: 'application/json' },
    { text: `<a ${Array.from({ length: count >> 3 }, (_, i) => `b${i}="1"`).join(' ')}/>`, type: 'application/xml' },
    { text: `<a>${'<b/>'.repeat(count)}</a>`, type: 'application/xml' },
    { text: `"${'\\u00e9'.repeat(count)}"`, type: 'application/json' },
    { text: '&'.repeat(count), type: 'application/xml' },
    { text: `<a>${'&#'.repeat(count)}</a>`, type: 'application/xml' },
  ])
}

/** Of any content type, half of them damaged. */
export function aMessage(dice: Dice): { contentType: string; bytes: Buffer } {
  if (dice.once(40)) {
    const { text, type } = anExtreme(dice)
    return { contentType: type, bytes: Buffer.from(text) }
  }
  const [contentType, text] = dice.pick<() => [string, string]>([
    () => ['text/xml; charset=UTF-8', aSoap(dice)],
    () => ['application/soap+xml; action="urn:a"', aSoap(dice)],
    () => ['application/xml', anXml(dice)],
    () => ['application/json', aJson(dice)],
    () => ['application/x-www-form-urlencoded', 'a=1&b=%20&c=%&d[]=é&=x&a=2'],
    () => ['text/plain', dice.pick(HOSTILE)],
    () => [
      'multipart/form-data; boundary=xx',
      `--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n${anXml(dice)}\r\n--xx\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: application/json\r\n\r\n${aJson(dice)}\r\n--xx--\r\n`,
    ],
    () => [
      'multipart/related; boundary=xx; type="application/xop+xml"; start="<r>"',
      `--xx\r\nContent-ID: <r>\r\nContent-Type: application/xop+xml\r\n\r\n${aSoap(dice)}\r\n--xx\r\nContent-ID: <i>\r\n\r\nbytes\r\n--xx--`,
    ],
    () => [dice.garble('text/xml; charset="UTF-16"; boundary=x', 1), aSoap(dice)],
  ])()
  const bytes = Buffer.from(text)
  return { contentType, bytes: dice.once(2) ? dice.noise(bytes) : bytes }
}
