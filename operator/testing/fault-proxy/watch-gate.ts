import type { ServerResponse } from 'node:http';
import type { ApiCall } from './api-call.ts';
import { buildFailureStatus } from './fault.ts';

/** One line of a watch, before it is passed on. */
export type RelayedEvent = {
  /** Plural of what is watched. */
  readonly resource: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** Absent in a bookmark. */
  readonly name: string | undefined;
};

type Waiting = { readonly line: string; readonly arrival: number };
type Stream = { readonly resource: string; readonly response: ServerResponse; readonly waiting: Waiting[] };

/**
 * Through which all watches of a proxy pass. Of each watch the order stays as it is; what is held of one comes later than
 * what another shows, which is how an operator's view of two kinds differs.
 */
export type WatchGate = {
  /** Events for which this says yes are lost. */
  drop: (event: RelayedEvent) => boolean;
  /** Each watch keeps back its last so many events, until later ones push them out. Infinity: until they are released. */
  lag: number;
  /** Resources of which something waits, the one that waits longest first. */
  waiting(): string[];
  /** Lets the event that waits longest go, of this resource when one is named. @returns whether one waited. */
  releaseNext(resource?: string): boolean;
  /** Ends the lag and the losses; everything that waits goes. */
  open(): void;
  /** Ends every watch (of a resource) in an orderly way, as the server does now and then. What waits is lost. */
  end(resource?: string): void;
  /** Ends every watch (of a resource) with a 410: whoever watches has to list anew. What waits is lost. */
  expire(resource?: string): void;
  /** Takes part in a watch: answers with what its lines are to be given to. The list that it may begin with passes. */
  join(call: ApiCall, response: ServerResponse): (line: string) => void;
};

/** In the bookmark after the last object of a list that a watch begins with. */
const endOfList = '"k8s.io/initial-events-end":"true"';

const readEvent = (resource: string, line: string): RelayedEvent => {
  // The API server's own framing.
  const { type, object } = JSON.parse(line) as { type: RelayedEvent['type']; object: { metadata?: { name?: string } } };
  return { resource, type, name: object.metadata?.name };
};

export const createWatchGate = (): WatchGate => {
  const streams = new Set<Stream>();
  let arrivals = 0;

  const send = (stream: Stream): void => {
    const next = stream.waiting.shift();
    // What has ended may be here until its connection closes: what waited is lost.
    if (next !== undefined && !stream.response.writableEnded) stream.response.write(`${next.line}\n`);
  };
  const flush = (stream: Stream): void => {
    while (stream.waiting.length > gate.lag) send(stream);
  };
  const byArrival = (): Stream[] =>
    [...streams]
      .filter(({ waiting }) => waiting.length > 0)
      .sort((one, other) => (one.waiting[0]?.arrival ?? 0) - (other.waiting[0]?.arrival ?? 0));
  const of = (resource: string | undefined): Stream[] =>
    [...streams].filter((stream) => resource === undefined || stream.resource === resource);

  const gate: WatchGate = {
    drop: () => false,
    lag: 0,
    waiting: () => [...new Set(byArrival().map(({ resource }) => resource))],
    releaseNext: (resource) => {
      const stream = byArrival().find((one) => resource === undefined || one.resource === resource);
      if (stream === undefined) return false;
      send(stream);
      return true;
    },
    open: () => {
      gate.drop = () => false;
      gate.lag = 0;
      for (const stream of streams) flush(stream);
    },
    end: (resource) => {
      for (const { response } of of(resource)) response.end();
    },
    expire: (resource) => {
      const line = JSON.stringify({ type: 'ERROR', object: buildFailureStatus(410) });
      for (const { response } of of(resource)) {
        // What has ended may be here until its connection closes.
        if (!response.writableEnded) response.end(`${line}\n`);
      }
    },
    join: ({ resource, isListing = false }, response) => {
      let isList: boolean = isListing;
      const stream: Stream = { resource, response, waiting: [] };
      streams.add(stream);
      response.once('close', () => streams.delete(stream));
      return (line) => {
        if (response.writableEnded) return;
        if (isList) {
          isList = !line.includes(endOfList);
          response.write(`${line}\n`);
          return;
        }
        if (gate.drop(readEvent(resource, line))) return;
        arrivals += 1;
        stream.waiting.push({ line, arrival: arrivals });
        flush(stream);
      };
    },
  };
  return gate;
};
