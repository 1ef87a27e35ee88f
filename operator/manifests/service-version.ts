/** `1.2.3` or `1.2.3-rc.1`, as the CRD's pattern lets through and as the operator's own build names itself. */
type ParsedVersion = {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Empty for a release, which comes after all of its candidates. */
  readonly candidate: string;
};

const parseVersion = (version: string): ParsedVersion => {
  const [, major = '0', minor = '0', patch = '0', candidate = ''] =
    /^(\d+)\.(\d+)\.(\d+)(?:-(.+))?$/.exec(version) ?? [];
  return { major: Number(major), minor: Number(minor), patch: Number(patch), candidate };
};

const compareCandidates = (one: string, other: string): number => {
  if (one === '' || other === '') return Number(one === '') - Number(other === '');
  return one.localeCompare(other, 'en', { numeric: true });
};

/** Negative when `one` is older than `other`. */
export const compareVersions = (one: string, other: string): number => {
  const [a, b] = [parseVersion(one), parseVersion(other)];
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || compareCandidates(a.candidate, b.candidate);
};

/** Whether two versions differ in their patch alone: settings and manifests are the same. */
export const isSameMinor = (one: string, other: string): boolean => {
  const [a, b] = [parseVersion(one), parseVersion(other)];
  return a.major === b.major && a.minor === b.minor;
};

/** Whether `later` is of the minor version that comes right after that of `earlier`. */
export const isNextMinor = (earlier: string, later: string): boolean => {
  const [a, b] = [parseVersion(earlier), parseVersion(later)];
  return a.major === b.major && b.minor - a.minor === 1;
};
