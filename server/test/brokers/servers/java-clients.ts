/** JMS clients of the brokers' own makers, for the other side of a test. */
import { delimiter } from 'node:path'
import { command } from './commands.ts'
import { compiled, jarsOf, SHORT_LIVED } from './java.ts'
import { libraries } from './maven.ts'

const ARTIFACTS = [
  'org.apache.artemis:artemis-jakarta-client:2.56.0',
  'org.apache.activemq:activemq-client:6.3.1',
  'org.apache.qpid:qpid-jms-client:2.10.0',
  'org.slf4j:slf4j-nop:2.0.18',
]

export async function prepareJavaClients(): Promise<string> {
  return jarsOf(await libraries('java-clients', ARTIFACTS))
}

/** Runs `java/<program>.java` with the JMS clients in its class path; resolves with what it printed. */
export async function runJavaClient(program: string, args: readonly string[]): Promise<string> {
  const jars = await prepareJavaClients()
  const classes = await compiled(program, 'clients', [jars])
  return command('java', [...SHORT_LIVED, '-Xmx256m', '-cp', [classes, jars].join(delimiter), program, ...args])
}
