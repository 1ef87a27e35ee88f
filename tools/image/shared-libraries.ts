import { execa } from 'execa';

/** What `ldd` says of one binary: the libraries' files, and the names that were not found. */
export interface SharedLibraries {
  readonly files: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Parses `ldd`'s output. Lines are `libm.so.6 => /lib/libm.so.6 (0x...)`, `/lib64/ld-linux-x86-64.so.2 (0x...)` for the
 * loader, `linux-vdso.so.1 (0x...)` for what the kernel brings, and `libx.so => not found`.
 */
export const parseLdd = (output: string): SharedLibraries => {
  const files = new Set<string>();
  const missing = new Set<string>();
  for (const line of output.split('\n')) {
    const [, name] = /^\s*(\S+) => not found$/.exec(line) ?? [];
    if (name !== undefined) missing.add(name);
    const [, file] = /(?:=>|^)\s*(\/\S+) \(0x/.exec(line) ?? [];
    if (file !== undefined) files.add(file);
  }
  return { files: [...files], missing: [...missing] };
};

/**
 * The files of all shared libraries that a binary loads, its loader among them.
 *
 * @param libraryPath a folder to search before the system's
 */
export const findSharedLibraries = async (binary: string, libraryPath?: string): Promise<readonly string[]> => {
  const { stdout } = await execa('ldd', [binary], {
    env: libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath },
  });
  const { files, missing } = parseLdd(stdout);
  if (missing.length === 0) return files;
  throw new Error(
    `${binary} needs ${missing.join(', ')}, which this machine lacks: see tools/machine for its packages`,
  );
};
