/**
 * Every public artifact of the conformance suite is decoded: it deploys, or is refused for something that is really not
 * offered. Those that are refused are written down in `corpus.json` with the reason; list and number may not get worse.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import type { Diagnostic } from '../../kernel/contracts.ts'
import type { DecodedArtifact } from '../../schema/decode.ts'
import { encodeArtifact } from '../../schema/structure.ts'
import { comparable } from '../../testing/comparable.ts'
import { decode } from '../../testing/rig.ts'
import { canonicalXml } from '../../xml/canonical.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const corpus = join(process.env['SHARED_DIR'] ?? join(root, '..', 'shared'), 'conformance', 'artifacts')
const skip = !existsSync(corpus) && `${corpus} is not there`

interface Expected {
  readonly deploys: number
  /** File and the element or class that is not offered. */
  readonly refused: Readonly<Record<string, string>>
}
const expected = JSON.parse(readFileSync(join(import.meta.dirname, 'corpus.json'), 'utf8')) as Expected

interface Found {
  readonly file: string
  readonly artifact: DecodedArtifact
}

/** Resources that lie between the artifacts: stylesheets, schemas, request bodies, descriptors. */
const isArtifact = (text: string): boolean =>
  /<(\w+:)?(definitions|proxy|sequence|endpoint|messageStore|messageProcessor|api|localEntry|template|task|inboundEndpoint)\b/.test(
    text,
  ) && text.includes('http://ws.apache.org/ns/synapse')

function artifacts(): Found[] {
  return (readdirSync(corpus, { recursive: true, encoding: 'utf8' }) as string[])
    .filter(path => path.endsWith('.xml') && statSync(join(corpus, path)).isFile())
    .sort()
    .flatMap(path => {
      const text = readFileSync(join(corpus, path), 'utf8')
      if (!isArtifact(text)) return []
      const file = basename(path)
      return decode(text, {}, file).artifacts.map(artifact => ({ file, artifact }))
    })
}

const errorsOf = ({ diagnostics }: DecodedArtifact): readonly Diagnostic[] =>
  diagnostics.filter(({ severity }) => severity === 'error')

test('every public artifact deploys, or is refused for something that is really not offered', { skip }, t => {
  const all = artifacts()
  const refused = all.filter(({ artifact }) => !artifact.node)
  const deploys = all.length - refused.length
  t.diagnostic(`${deploys} of ${all.length} public artifacts deploy`)
  for (const { file, artifact } of refused) t.diagnostic(`${file}: ${errorsOf(artifact)[0]?.message}`)
  for (const { file, artifact } of refused) {
    const why = errorsOf(artifact)[0]?.message
    assert.equal(why, expected.refused[`${file} ${artifact.name}`], `${file} did deploy before: ${why}`)
  }
  assert.ok(deploys >= expected.deploys, `${deploys} deploy, ${expected.deploys} did before`)
})

test('a public artifact that is decoded, written and decoded again has the same value', { skip }, () => {
  for (const { file, artifact } of artifacts()) {
    if (!artifact.node) continue
    const written = canonicalXml(encodeArtifact(artifact.node))
    const [again] = decode(written, {}, file).artifacts
    assert.ok(again?.node, `${file}: ${again && errorsOf(again)[0]?.message}\n${written}`)
    assert.deepEqual(comparable(again.node.config), comparable(artifact.node.config), file)
    assert.equal(canonicalXml(encodeArtifact(again.node)), written, file)
  }
})
