/** What a page may do besides showing itself. */
export type PageNeeds = {
  /**
   * Where a form of the page may lead in the end. Chrome applies `form-action` to every redirect after a form was sent,
   * so the client's own addresses belong here.
   */
  formTargets: readonly string[];
  imageSources: readonly string[];
  /** `sha256-...` of scripts that oidc-provider's self-submitting forms contain; our pages have none. */
  scriptHashes?: readonly string[];
};

/** A header's length is bounded, and a client may have a hundred addresses. */
const maxFormTargets = 20;

/**
 * The source expression for an address: its origin, or its scheme for an app's own (`com.example.app:`). Undefined for
 * what is no address.
 */
export const sourceOf = (address: string): string | undefined => {
  const url = URL.parse(address);
  if (url === null) return undefined;
  return url.origin === 'null' ? url.protocol : url.origin;
};

const sources = (...values: readonly string[]): string => (values.length === 0 ? "'none'" : values.join(' '));

/** Everything is forbidden but what is named; there is no inline script or style. */
export const buildContentSecurityPolicy = ({ formTargets, imageSources, scriptHashes = [] }: PageNeeds): string => {
  const forms = new Set(formTargets.map(sourceOf).filter((source) => source !== undefined));
  const images = new Set(imageSources.map(sourceOf).filter((source) => source !== undefined));
  return [
    "default-src 'none'",
    "style-src 'self'",
    `img-src ${sources("'self'", ...images)}`,
    ...(scriptHashes.length > 0 ? [`script-src ${sources(...scriptHashes.map((hash) => `'${hash}'`))}`] : []),
    `form-action ${sources("'self'", ...[...forms].slice(0, maxFormTargets))}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
};
