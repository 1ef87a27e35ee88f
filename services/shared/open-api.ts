import { z } from 'zod';

/** JSON Schema of what is sent (`input`) or answered (`output`), as OpenAPI 3.1 has it. */
export const toOpenApiSchema = (schema: z.ZodType, io: 'input' | 'output'): object => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

/** RFC 9457, as all services answer. */
export const problemAnswer = {
  description: 'Refused, or to be repeated later (503, with Retry-After).',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        required: ['status', 'type', 'title'],
        properties: {
          status: { type: 'integer' },
          type: { type: 'string', pattern: '^urn:identity-operator:problem:' },
          title: { type: 'string' },
          detail: { type: 'string' },
          correlationId: { type: 'string' },
        },
      },
    },
  },
};

/** An answer with a body of this schema. */
export const jsonAnswer = (description: string, schema: z.ZodType): object => ({
  description,
  content: { 'application/json': { schema: toOpenApiSchema(schema, 'output') } },
});

/** A body that has to be there. */
export const jsonBody = (schema: z.ZodType): object => ({
  required: true,
  content: { 'application/json': { schema: toOpenApiSchema(schema, 'input') } },
});
