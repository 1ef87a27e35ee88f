import { expect, test } from 'vitest';
import { parseLdd } from './shared-libraries.ts';

const output = `\tlinux-vdso.so.1 (0x00007fab3e05e000)
\tlibatomic.so.1 => /lib/x86_64-linux-gnu/libatomic.so.1 (0x00007fab3e043000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fab3da1e000)
\tlibicuuc.so.60 => not found
\tlibicuuc.so.60 => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007fab3e060000)
`;

test('the files of the libraries and of the loader, without what the kernel brings', () => {
  expect(parseLdd(output).files).toEqual([
    '/lib/x86_64-linux-gnu/libatomic.so.1',
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/lib64/ld-linux-x86-64.so.2',
  ]);
});

test('a library that is not there is named once', () => {
  expect(parseLdd(output).missing).toEqual(['libicuuc.so.60']);
});

test('a static binary needs nothing', () => {
  expect(parseLdd('\tnot a dynamic executable\n')).toEqual({ files: [], missing: [] });
});
