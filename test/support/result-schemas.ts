import * as z from 'zod/mini'
import { RESULTS } from '../../src/cli/answer/results.ts'
import { error, failure } from '../../src/registry/results/error.ts'

/** A JSON schema, as a plain object. */
export type JsonSchema = Record<string, unknown>

/**
 * Returns the JSON schemas (draft 2020-12) of the results of all commands, by command name.
 * A list is an array of rows. Other commands return an object for one ID, and for several an
 * array that may contain errors.
 */
export async function resultSchemas(): Promise<Map<string, JsonSchema>> {
  const schemas = new Map([['error', toJsonSchema(error)]])
  for (const [id, { kind, schema, whole }] of Object.entries(RESULTS)) {
    const name = id.replaceAll(':', ' ')
    const one = await schema()
    const several = z.array(z.union([one, failure]))
    const answer = kind === 'list' ? several : z.union([one, several])
    schemas.set(name, toJsonSchema(whole === undefined ? answer : await whole()))
  }
  return schemas
}

function toJsonSchema(schema: z.ZodMiniType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'output',
    unrepresentable: 'any',
    // JSON integers have no limits.
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'bigint') jsonSchema.type = 'integer'
      if (jsonSchema.type === 'integer') {
        delete jsonSchema.minimum
        delete jsonSchema.maximum
      }
    },
  }) as JsonSchema
}
