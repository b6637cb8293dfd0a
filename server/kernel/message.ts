import { IntegrationError } from './errors.ts'
import { HeaderMap } from './headers.ts'
import { Properties, type TransportFacts } from './properties.ts'

/**
 * A way to look at a body: the SOAP envelope, a JSON value. Codecs hand these in; the kernel knows only bytes.
 * `read` is called once per body and form; the result is cached until another form becomes the truth.
 */
export interface View<T> {
  readonly name: string
  read(body: Body): T
  /** A copy that can be changed without the original noticing. */
  clone(value: T): T
}

/** Bytes that are still arriving. Iterated at most once. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Declared length in bytes, if any. */
  readonly length?: number
  /** Stops reading: nobody wants the rest. */
  cancel?(): void
}

interface Seen {
  readonly view: View<unknown>
  value: unknown
}

/** What the transport knows about a fresh body besides its content type. */
export interface BodyOptions {
  /** Most bytes to collect, and most that decompressing may make of them; 0 means no limit. */
  readonly limit?: number
  /** Content-Encoding of the bytes as they arrived. Views decode it; what is passed on untouched stays encoded. */
  readonly encoding?: string
  /** Query string of the request, without `?`: a form is read together with it (synapse-language E.3). */
  readonly query?: string
  /** Asked for every chunk that is collected; throws where there is no room for it. */
  readonly room?: { take(bytes: number): void }
}

const EMPTY = new Uint8Array(0)
const PLAIN: BodyOptions = {}

/**
 * The payload of a message. It starts as a stream or as bytes and stays that way until somebody looks: an untouched
 * body leaves byte for byte as it came. Exactly one form is the truth at any time; others are caches of it.
 */
export class Body {
  /** Of the bytes as they arrived, parameters included; `''` when the sender gave none. */
  readonly contentType: string
  #source: ByteSource | null
  #bytes: Uint8Array | null
  /** The view whose value is the truth, once somebody has changed or replaced it. */
  #truth: Seen | null = null
  #seen: Seen[] | null = null
  #shared = false
  #collecting: Promise<void> | null = null
  readonly #options: BodyOptions

  private constructor(source: ByteSource | null, bytes: Uint8Array | null, contentType: string, options: BodyOptions) {
    this.#source = source
    this.#bytes = bytes
    this.contentType = contentType
    this.#options = options
  }

  static empty(contentType = '', options: BodyOptions = PLAIN): Body {
    return new Body(null, EMPTY, contentType, options)
  }

  static ofBytes(bytes: Uint8Array, contentType: string, options: BodyOptions = PLAIN): Body {
    return new Body(null, bytes, contentType, options)
  }

  static ofStream(source: ByteSource, contentType: string, options: BodyOptions = PLAIN): Body {
    return new Body(source, null, contentType, options)
  }

  static ofView<T>(view: View<T>, value: T, contentType: string): Body {
    const body = new Body(null, null, contentType, PLAIN)
    body.replace(view, value)
    return body
  }

  get limit(): number {
    return this.#options.limit ?? 0
  }

  /** Content-Encoding of {@link raw}, `''` if none. */
  get encoding(): string {
    return this.#options.encoding ?? ''
  }

  /** Query string of the request this body came with, `''` if none. */
  get query(): string {
    return this.#options.query ?? ''
  }

  /** False while bytes are still arriving: synchronous access would have to wait. */
  get ready(): boolean {
    return this.#source === null
  }

  /** The bytes as they came, or null once a view has become the truth or while they are still arriving. */
  get raw(): Uint8Array | null {
    return this.#truth ? null : this.#bytes
  }

  /** The name of the view that is the truth, or null while the original bytes are. */
  get changed(): View<unknown> | null {
    return this.#truth?.view ?? null
  }

  /** Known to be without content. A stream of unknown length is not known to be empty. */
  get isEmpty(): boolean {
    if (this.#truth) return false
    if (this.#source) return this.#source.length === 0
    return this.#bytes === null || this.#bytes.length === 0
  }

  /** Brings a streamed body into memory, bounded by its limit. Undefined when there is nothing to wait for. */
  collect(): Promise<void> | undefined {
    if (this.#source === null) return undefined
    this.#collecting ??= this.#drain(this.#source)
    return this.#collecting
  }

  /**
   * Hands over the stream, uncollected, for pass-through. Null when the bytes are already here (use {@link raw}).
   * After this the body cannot be read again by anybody.
   */
  takeStream(): ByteSource | null {
    const source = this.#source
    if (source === null || this.#collecting) return null
    this.#source = null
    return source
  }

  /** The body seen as `view`, parsed at most once. The value must not be changed: use {@link edit}. */
  view<T>(view: View<T>): T {
    if (this.#truth?.view === view) return this.#truth.value as T
    const known = this.#seen?.find(seen => seen.view === view)
    if (known) return known.value as T
    if (this.#source) throw new IntegrationError('MEDIATION_FAILED', 'the body was looked at before it was collected')
    const value = view.read(this)
    this.#seen ??= []
    this.#seen.push({ view, value })
    return value
  }

  /** The body seen as `view`, to be changed: it becomes the truth, and every other form is forgotten. */
  edit<T>(view: View<T>): T {
    const value = this.view(view)
    this.replace(view, this.#shared ? view.clone(value) : value)
    return this.#truth!.value as T
  }

  /** Puts `value` in place of whatever the body was. */
  replace<T>(view: View<T>, value: T): void {
    this.#source?.cancel?.()
    this.#source = null
    this.#bytes = null
    this.#seen = null
    this.#shared = false
    this.#truth = { view: view as View<unknown>, value }
  }

  /**
   * Lets go of what was parsed to look at the bytes; whoever looks again parses again. A tree takes several times the
   * memory of its bytes: kept while a back end works, it is copied by one collection after the other.
   */
  forgetViews(): void {
    this.#seen = null
  }

  /** Nobody wants the content any more: frees a stream that is still arriving. */
  discard(): void {
    this.#source?.cancel?.()
    this.#source = null
    this.#bytes ??= EMPTY
  }

  /** A body that can be changed independently. Collect first: a stream cannot be in two places. */
  fork(): Body {
    if (this.#source) throw new IntegrationError('MEDIATION_FAILED', 'the body was copied before it was collected')
    const copy = new Body(null, this.#bytes, this.contentType, this.#options)
    copy.#truth = this.#truth
    copy.#seen = this.#seen ? [...this.#seen] : null
    copy.#shared = true
    this.#shared = true
    return copy
  }

  async #drain(source: ByteSource): Promise<void> {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of source) {
      size += chunk.length
      if (this.limit > 0 && size > this.limit) {
        source.cancel?.()
        this.#source = null
        this.#bytes = EMPTY
        throw new IntegrationError(
          'BODY_TOO_LARGE',
          `the body is larger than ${this.limit} bytes; raise http.max_body_size or do not look into it`,
        )
      }
      try {
        this.#options.room?.take(chunk.length)
      } catch (thrown) {
        source.cancel?.()
        this.#source = null
        this.#bytes = EMPTY
        throw thrown
      }
      chunks.push(chunk)
    }
    this.#bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
    this.#source = null
  }
}

/** Where a message goes and what it is about: SOAP addressing, HTTP target, JMS destination alike. */
export interface Addressing {
  to?: string
  from?: string
  action?: string
  replyTo?: string
  faultTo?: string
  relatesTo?: string
  messageId?: string
}

/** How the sender spoke, so that an answer can be given in kind (synapse-language E.3, E.9). */
export type Format = 'soap11' | 'soap12' | 'pox' | 'json' | 'text' | 'binary' | 'form' | 'none'

/**
 * One request or one reply. Axis2-scope properties belong to it and die with it; default-scope properties belong to
 * the exchange (see context.ts).
 */
export class Message {
  body: Body
  headers: HeaderMap
  readonly addressing: Addressing
  /** True for a reply on its way back, and for a request turned round by `respond` or `makefault`. */
  isResponse: boolean
  /** HTTP method of the request; what an endpoint without a method of its own uses. */
  method: string
  format: Format
  /** Content type of the first body: a Content-Type header that still says the same was not set by the flow. */
  readonly arrivedType: string
  #axis2: Properties | null = null
  readonly #facts: TransportFacts | null

  constructor(parts: {
    body: Body
    headers?: HeaderMap
    addressing?: Addressing
    isResponse?: boolean
    method?: string
    format?: Format
    /** For a request straight from a transport: axis2 properties computed on demand. */
    facts?: TransportFacts | null
    /** Only for a copy of a message whose body has been replaced. */
    arrivedType?: string
  }) {
    this.body = parts.body
    this.arrivedType = parts.arrivedType ?? parts.body.contentType
    this.headers = parts.headers ?? new HeaderMap()
    this.addressing = parts.addressing ?? {}
    this.isResponse = parts.isResponse ?? false
    this.method = parts.method ?? 'POST'
    this.format = parts.format ?? 'none'
    this.#facts = parts.facts ?? null
  }

  /** Axis2-scope properties: transport control flags of this message only. */
  get axis2(): Map<string, unknown> {
    return (this.#axis2 ??= new Properties('axis2', this.#facts))
  }

  /** Reads without making the map: most messages have none. */
  flag(name: string): unknown {
    return this.#axis2 === null ? this.#facts?.fact('axis2', name) : this.#axis2.get(name)
  }

  /** True for the string or boolean `true`, as Synapse reads its switches. */
  isOn(name: string): boolean {
    const value = this.#axis2?.get(name)
    return value === true || value === 'true'
  }

  get hasAxis2(): boolean {
    return this.#axis2 !== null && this.#axis2.size > 0
  }

  fork(): Message {
    const copy = new Message({
      body: this.body.fork(),
      headers: this.headers.clone(),
      addressing: { ...this.addressing },
      isResponse: this.isResponse,
      method: this.method,
      format: this.format,
      facts: this.#facts,
      arrivedType: this.arrivedType,
    })
    if (this.#axis2) for (const [name, value] of this.#axis2) copy.axis2.set(name, value)
    return copy
  }
}

export { HeaderMap } from './headers.ts'
