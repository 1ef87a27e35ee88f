import type { ServerResponse } from 'node:http';
import { type Problem, sendProblem } from '../shared/problem-details.ts';

/** An answer that ends a request before it goes anywhere. */
export type Refusal = { problem: Problem; headers: Record<string, string> };

export const refuse = (
  status: number,
  type: string,
  title: string,
  detail?: string,
  headers: Record<string, string> = {},
): Refusal => ({
  problem: {
    status,
    type: `urn:identity-operator:problem:${type}`,
    title,
    ...(detail === undefined ? {} : { detail }),
  },
  headers,
});

export const sendRefusal = (response: ServerResponse, { problem, headers }: Refusal): void => {
  if (!response.headersSent) {
    for (const [name, value] of Object.entries(headers)) {
      response.setHeader(name, value);
    }
  }
  sendProblem(response, problem);
};
