import { expect, test } from 'vitest';
import { parseImageReference } from './image-reference.ts';

const digest = `sha256:${'0'.repeat(64)}`;

test.each([
  ['identity-operator:0.1.0', { repository: 'identity-operator', tag: '0.1.0' }],
  ['localhost:5000/identity-operator:1', { repository: 'localhost:5000/identity-operator', tag: '1' }],
  [`registry.example.com/a/b@${digest}`, { repository: 'registry.example.com/a/b', digest }],
  [`registry.example.com/a/b:1@${digest}`, { repository: 'registry.example.com/a/b', digest }],
])('%s', (reference, parts) => {
  expect(parseImageReference(reference)).toEqual(parts);
});

test('an image without tag and digest is refused, with a word on what to write', () => {
  expect(() => parseImageReference('localhost:5000/identity-operator')).toThrow(
    'the image localhost:5000/identity-operator needs a tag or a digest, such as localhost:5000/identity-operator:0.1.0',
  );
});
