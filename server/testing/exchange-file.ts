/** `exchange.json` of a sample: what is asked of it and what has to come of that. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fault } from '../../axis2-mock/main.ts'
import type { Sample } from '../cli/samples.ts'

/** A command of the README, with what it prints; `fails` is what it prints when it is right to fail. */
export interface Run {
  readonly run: string
  readonly prints?: string
  readonly fails?: string
}

/** `METHOD URL`; a path is one of the server. */
export interface Send {
  readonly send: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Beside the exchange. */
  readonly bodyFile?: string
  readonly expect: {
    readonly status?: number
    readonly statusIn?: readonly number[]
    readonly contains?: readonly string[]
    readonly empty?: boolean
  }
}

export interface BackendSaw {
  readonly backend: {
    /** Times it has done the work of this operation: exactly `count`. */
    readonly operation?: string
    readonly count?: number
    /** Requests of any kind, those it refused included. */
    readonly arrived?: number
    readonly prints?: string
    readonly duplicates?: number
  }
}

export interface StoreHolds {
  readonly store: { readonly name: string; readonly depth: number; readonly contains?: string }
}

export interface ProcessorIs {
  readonly processor: { readonly name: string; readonly status: 'active' | 'inactive' }
}

export interface Action {
  readonly do: 'stop broker' | 'start broker' | 'stop backend' | 'start backend' | 'clear faults'
}

/** Changes a deployed file; `deployed` waits until the named artifact is in force. */
export interface Edit {
  readonly edit: string
  readonly replace: string
  readonly with: string
  readonly deployed?: string
}

/** One step: the member that names it, and what it needs beside. */
export type Step =
  | Run
  | Send
  | BackendSaw
  | StoreHolds
  | ProcessorIs
  | Action
  | Edit
  | { readonly log: string }
  /** A file `/healthz` lists as faulty. */
  | { readonly health: string }
  | { readonly fault: Fault }
  | { readonly manage: string; readonly body: object; readonly contains: string }
  /** Drops the files of another sample's folder into HOME/deploy. */
  | { readonly copy: string; readonly deployed: string }
  /** Deletes a file from HOME/deploy again. */
  | { readonly remove: string; readonly gone: string }

/** Servers that do not come with Holdfast; what needs one is played by `npm run test:brokers`. */
export type Outside = 'classic' | 'artemis' | 'artemis-pair' | 'rabbitmq'

export interface ExchangeFile {
  readonly needs?: Outside
  readonly steps: readonly Step[]
}

export async function readExchange(sample: Sample): Promise<ExchangeFile> {
  return JSON.parse(await readFile(join(sample.folder, 'exchange.json'), 'utf8')) as ExchangeFile
}
