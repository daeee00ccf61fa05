// Parses an AsyncAPI document with @asyncapi/parser and fails on every error and warning; then judges the golden examples by the
// schemas as its readers see them, which is draft-07. Usage: check-asyncapi.mjs <home of the parser> <document> <examples>. The JSON
// Schemas beside the document refer to each other by $id, which is a urn.
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

const [home, document, examples] = process.argv.slice(2)
const load = createRequire(join(resolve(home), 'node_modules', 'x'))
const { Parser } = load('@asyncapi/parser')
const { default: Ajv } = load('ajv')
const { default: addFormats } = load('ajv-formats')

const folder = dirname(document)
const schemas = new Map()
for (const name of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const text = readFileSync(join(folder, name), 'utf8')
  schemas.set(JSON.parse(text).$id, text)
}

const urn = {
  schema: 'urn',
  read: (uri) => {
    const id = uri.clone().fragment('').toString()
    if (!schemas.has(id)) throw new Error(`no schema has the $id ${id}`)
    return schemas.get(id)
  },
}
const parser = new Parser({ __unstable: { resolver: { cache: true, resolvers: [urn] } } })
const { document: parsed, diagnostics } = await parser.parse(readFileSync(document, 'utf8'), { source: resolve(document) })

const wrong = diagnostics.filter((d) => d.severity < 2)
for (const d of wrong) {
  const line = d.range ? `:${d.range.start.line + 1}` : ''
  console.error(`${document}${line}: ${['error', 'warning'][d.severity]}: ${d.code}: ${d.message} (${d.path.join('.')})`)
}
if (wrong.length > 0 || !parsed) process.exit(1)

// bare is a schema without the names that its parts had before they were put together.
const bare = (node) => {
  if (Array.isArray(node)) return node.map(bare)
  if (node === null || typeof node !== 'object') return node
  const kept = Object.entries(node).filter(([key]) => key !== '$id' && key !== '$schema')
  return Object.fromEntries(kept.map(([key, value]) => [key, bare(value)]))
}

const count = { valid: 0, invalid: 0, misjudged: 0 }
for (const message of new Map(parsed.allMessages().all().map((m) => [m.name(), m])).values()) {
  const fits = addFormats(new Ajv({ strict: false })).compile(bare(message.json().payload.schema))
  const folder = join(examples, message.name(), 'v1')
  for (const name of readdirSync(folder).filter((name) => !name.startsWith('invalid_beyond_schema'))) {
    const valid = name.startsWith('valid')
    if (fits(JSON.parse(readFileSync(join(folder, name), 'utf8'))) === valid) {
      count[valid ? 'valid' : 'invalid']++
      continue
    }
    count.misjudged++
    console.error(`${join(folder, name)}: ${valid ? 'refused' : 'accepted'} by ${message.name()}: ${new Ajv().errorsText(fits.errors)}`)
  }
}
if (count.misjudged > 0) process.exit(1)
console.log(`${document}: ${parsed.allChannels().length} channels, ${parsed.allOperations().length} operations, ` +
  `${parsed.allMessages().length} messages, 0 errors, 0 warnings; ${count.valid} valid examples accepted, ${count.invalid} invalid refused`)
