/** Schemas of validation libraries as JSON schemas. */
import { InputError } from '../errors.ts';

/** What schemas of zod, valibot, arktype and others have in common: https://standardschema.dev. */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
    readonly jsonSchema?: { input(options: { readonly target: string }): object };
  };
}

export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: unknown }[] };

/** A JSON schema, or a schema of a library that gives one. */
export type AnySchema = object | StandardSchema;

export function isStandardSchema(schema: AnySchema): schema is StandardSchema {
  return '~standard' in schema;
}

/** @throws InputError if the schema's library gives no JSON schema */
export function jsonSchemaOf(schema: AnySchema, where: string): object {
  if (!isStandardSchema(schema)) return schema;
  const { jsonSchema, vendor } = schema['~standard'];
  if (jsonSchema) return jsonSchema.input({ target: 'draft-2020-12' });
  throw new InputError(
    `${where}: this schema of ${vendor} gives no JSON schema; convert it (z.toJSONSchema, or toStandardJsonSchema of ` +
      '@valibot/to-json-schema)',
  );
}
