import * as example from '../../examples/application/issuer-connection.ts';

/** How this machine reaches the issuer of the demo. */
export type IssuerConnection = example.IssuerConnection;

/** @param port the forwarder's on this machine's loopback. */
export const createIssuerConnection = (ca: string, port: number): IssuerConnection =>
  example.createIssuerConnection({ ca, port });
