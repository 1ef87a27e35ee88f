/** One CEL rule; `message` names the field and says what to write. */
export type CelRule = { readonly rule: string; readonly message: string; readonly fieldPath?: string };

/** `pattern`, of what both JavaScript and RE2 know, as the literal of a CEL string. */
const celPattern = ({ source }: RegExp): string => `'${source.replaceAll('\\/', '/').replaceAll('\\', '\\\\')}'`;

/** A string like `pattern`. A pattern of the schema itself would be all that whoever breaks it is told. */
export const matches = (pattern: RegExp, message: string): CelRule => ({
  rule: `self.matches(${celPattern(pattern)})`,
  message,
});

/** Rules as a CRD holds them, for `.meta()` of a schema: the API server refuses what breaks one of them. */
export const celRules = (...rules: CelRule[]) => ({ 'x-kubernetes-validations': rules });

/** A list whose elements are told apart by `key`, so that several field managers may each own some of them. */
export const listMapBy = (...keys: string[]) => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
});
