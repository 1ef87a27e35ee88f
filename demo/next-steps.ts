import { demo } from '../e2e/installation/demo-installation.ts';
import { displayPath } from '../tools/dev/display-path.ts';
import { demoFile } from './demo-state.ts';
import type { FirstUse } from './first-use.ts';
import type { DemoInstallation } from './installation.ts';
import { formatClaims } from './summary.ts';

/** What the user has now, and can do with it. Names only what there is. */
export const formatNextSteps = (
  { cluster, kubeconfigPath, applicationUrl }: DemoInstallation,
  { person, idToken, accessToken }: FirstUse,
): string => {
  const ca = displayPath(demoFile('ca.crt'));
  const kubectl = `kubectl --kubeconfig ${displayPath(kubeconfigPath)}`;
  const killZone = [
    '  kill a zone:        npm run cluster -- kill-zone 3',
    `                      (the database is in zone-1; watch ${kubectl} get idt -A -w)`,
  ];
  return `
  id_token      ${formatClaims(idToken, ['iss', 'sub', 'aud', 'acr'])}
  access_token  ${formatClaims(accessToken, ['iss', 'sub', 'aud', 'client_id', 'scope'])}

Now try:
  see the resources:  ${kubectl} get idt,idc -A
  open the app:       ${applicationUrl} (user ${person.email}, password in ${displayPath(demoFile('password'))})
                      The browser warns of the issuer's certificate: go on, or import its CA ${ca}
  discovery:          curl --cacert ${ca} ${demo.issuer}/.well-known/openid-configuration
${cluster.driver === 'built-in' ? `${killZone.join('\n')}\n` : ''}  remove everything:  make demo-down
`;
};
