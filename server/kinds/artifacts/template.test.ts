import assert from 'node:assert/strict'
import { test } from 'node:test'
import { link } from '../../deploy/linker.ts'
import { build, decode, diagnosticsOf } from '../../testing/rig.ts'

test('a template knows its parameters', () => {
  const xml = `<template name="t"><parameter name="a" isMandatory="true"/><parameter name="b" defaultValue="x"/><sequence/></template>`
  assert.deepEqual(build('template', xml).parameters, [
    { name: 'a', mandatory: true },
    { name: 'b', mandatory: false, fallback: 'x' },
  ])
})

test('it shares its name with sequences, endpoints and local entries (trap H36)', () => {
  const files = [
    decode('<template name="x"><sequence/></template>', {}, 'a.xml'),
    decode('<sequence name="x"/>', {}, 'b.xml'),
  ]
  const { faulty } = link(files)
  assert.deepEqual(
    faulty.map(({ file, diagnostics }) => [file, diagnostics[0]!.code]),
    [['b.xml', 'duplicate-name']],
  )
})

test('without a sequence it is refused', () => {
  assert.deepEqual(
    diagnosticsOf('<template name="t"/>').map(({ code }) => code),
    ['missing'],
  )
})
