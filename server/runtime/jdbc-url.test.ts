import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbered, placeholders } from '../kernel/sql-placeholders.ts'
import { parseJdbcUrl } from './jdbc-url.ts'

test('a JDBC URL says where the database is; user and password beside it win', () => {
  assert.deepEqual(
    parseJdbcUrl('jdbc:postgresql://db.acme.org:6543/shop?user=a&password=b', 'org.postgresql.Driver', 'c', undefined),
    {
      engine: 'postgresql',
      host: 'db.acme.org',
      port: 6543,
      database: 'shop',
      user: 'c',
      password: 'b',
      tls: undefined,
    },
  )
  const { engine, host, port, database } = parseJdbcUrl('jdbc:mariadb:///a%20b', undefined, undefined, undefined)
  assert.deepEqual([engine, host, port, database], ['mysql', 'localhost', 3306, 'a b'])
  assert.equal(parseJdbcUrl('jdbc:mysql://[::1]:3307/x', 'com.mysql.jdbc.Driver', '', '').host, '::1')
})

test('what the URL says of encryption is heeded', () => {
  const tls = (options: string): unknown =>
    parseJdbcUrl(`jdbc:mysql://h/d?${options}`, undefined, undefined, undefined).tls
  assert.deepEqual(
    [
      '',
      'useSSL=false',
      'useSSL=true',
      'sslMode=REQUIRED',
      'sslMode=VERIFY_CA',
      'sslmode=verify-full',
      'sslmode=disable',
      'ssl=true',
    ].map(tls),
    [undefined, undefined, 'any', 'any', 'verify', 'verify', undefined, 'any'],
  )
})

test('other databases are refused by name, with those that can be used', () => {
  const refused = (url: string, driver?: string): string => {
    try {
      parseJdbcUrl(url, driver, undefined, undefined)
      return ''
    } catch (thrown) {
      return (thrown as Error).message
    }
  }
  assert.match(
    refused('jdbc:h2:mem:x', 'org.h2.Driver'),
    /^the database driver org\.h2\.Driver is Java and not available here; PostgreSQL, MySQL and MariaDB/,
  )
  assert.match(refused('jdbc:derby://localhost:1527/x'), /^databases of the kind "derby" are not available here/)
  assert.match(refused('postgres://x'), /no JDBC URL/)
  assert.match(refused('jdbc:postgresql://a,b/x'), /with one host/)
})

test('question marks are counted where they are parameters, and nowhere else', () => {
  const sql = `SELECT '?', "a?", $q$?$q$ -- ?\n FROM t /* ? */ WHERE a = ? AND b = 'it''s ?' AND c IN (?, ?)`
  assert.equal(placeholders(sql), 3)
  assert.equal(numbered(sql), sql.replace('a = ?', 'a = $1').replace('(?, ?)', '($2, $3)'))
})
