import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest.ts'

const known = ['messageStore', 'sequence', 'store.jms.destination', 'log']

test('a typing slip finds the name that was meant', () => {
  assert.equal(nearest('mesageStore', known), 'messageStore')
  assert.equal(nearest('messagestore', known), 'messageStore')
  assert.equal(nearest('sequecne', known), 'sequence')
  assert.equal(nearest('lgo', known), 'log')
})

test('a name that resembles nothing gets no suggestion', () => {
  assert.equal(nearest('banana', known), undefined)
  assert.equal(nearest('', known), undefined)
})
