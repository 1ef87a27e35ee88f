import path from 'node:path';
import { expect, it } from 'vitest';
import { demoFile, withoutOwnKubeconfig } from './demo-state.ts';

it('takes the kubeconfig that the demo left for no cluster of the user', () => {
  const relative = path.relative(process.cwd(), demoFile('kubeconfig'));
  expect(withoutOwnKubeconfig({ HOME: '/h', KUBECONFIG: relative })).toEqual({ HOME: '/h' });
  expect(withoutOwnKubeconfig({ HOME: '/h', KUBECONFIG: '/h/.kube/config' })).toEqual({
    HOME: '/h',
    KUBECONFIG: '/h/.kube/config',
  });
  expect(withoutOwnKubeconfig({ HOME: '/h' })).toEqual({ HOME: '/h' });
});
