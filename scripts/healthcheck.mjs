#!/usr/bin/env node
// Ends with 0 if the server on this machine is ready. Plain Node, for images without curl.
import http from 'node:http'
import https from 'node:https'

const { HOLDFAST_MANAGEMENT_HOST: host = 'localhost', HOLDFAST_PORT_OFFSET: offset } = process.env
const { HOLDFAST_MANAGEMENT_PORT: base = offset === undefined ? '9164' : '9154' } = process.env
const port = Number(base) + Number(offset ?? 0)
// A management port that others can reach speaks TLS, with a certificate we have made ourselves.
const exposed = !/^(localhost|127\.[\d.]+|::1)$/.test(host)
const url = `${exposed ? 'https' : 'http'}://localhost:${port}/healthz`
const request = (exposed ? https : http).get(url, { rejectUnauthorized: false, timeout: 4_000 }, answer => {
  answer.resume()
  process.exit(answer.statusCode === 200 ? 0 : 1)
})
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')))
request.on('error', error => {
  console.error(`${url}: ${error.message}`)
  process.exit(1)
})
