import { z } from 'zod';

// Anything else could end the directive in the Corefile and begin another.
const namePattern = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsName = z.string().regex(namePattern, 'is no DNS name');
const rewriteSchema = z.strictObject({ from: dnsName, to: dnsName });

/** A name that pods shall resolve as if it were another one, such as `acme.localhost` -> a Service's full name. */
export type DnsRewrite = Readonly<z.infer<typeof rewriteSchema>>;

/** Checks rewrites that come from outside. */
export const parseRewrites = (rewrites: unknown): readonly DnsRewrite[] => z.array(rewriteSchema).parse(rewrites);

/** The lines between the marks are ours; the rest of a Corefile may be someone else's. */
const begin = '# rewrites of identity-operator: begin';
const end = '# rewrites of identity-operator: end';

const rewriteLines = (rewrites: readonly DnsRewrite[]): readonly string[] => [
  begin,
  // exact also turns the names of the answer back, which a resolver compares with its question.
  ...rewrites.map(({ from, to }) => `rewrite name exact ${from} ${to}`),
  end,
];

/**
 * The Corefile of the built-in cluster. `ttl 30` and `cache 30` are what users' clusters have: the local one must not be
 * kinder than those.
 */
export const buildCorefile = (rewrites: readonly DnsRewrite[]): string =>
  setRewrites(
    `.:53 {
    errors
    health :8081
    ready :8181
    kubernetes cluster.local in-addr.arpa {
        pods insecure
        ttl 30
    }
    cache 30
    loadbalance
}
`,
    rewrites,
  );

/** Puts the rewrites into a Corefile's first server block, in place of those that an earlier call put there. */
export const setRewrites = (corefile: string, rewrites: readonly DnsRewrite[]): string => {
  const kept: string[] = [];
  let ours = false;
  for (const line of corefile.split('\n')) {
    if (line.trim() === begin) ours = true;
    if (!ours) kept.push(line);
    if (line.trim() === end) ours = false;
  }
  if (rewrites.length === 0) return kept.join('\n');
  const opening = kept.findIndex((line) => line.trimEnd().endsWith('{'));
  if (opening < 0) throw new Error('the Corefile has no server block');
  return kept.toSpliced(opening + 1, 0, ...rewriteLines(rewrites).map((line) => `    ${line}`)).join('\n');
};
