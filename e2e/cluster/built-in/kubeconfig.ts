/** What a kubeconfig says. Certificates and keys are PEM. */
export interface KubeconfigContent {
  readonly cluster: string;
  readonly user: string;
  readonly server: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const base64 = (pem: string) => Buffer.from(`${pem}\n`).toString('base64');

/** A kubeconfig with one cluster, one user by client certificate, and one context named like the cluster. */
export const buildKubeconfig = ({
  cluster,
  user,
  server,
  ca,
  certificate,
  key,
}: KubeconfigContent): string => `apiVersion: v1
kind: Config
clusters:
  - name: ${cluster}
    cluster:
      server: ${server}
      certificate-authority-data: ${base64(ca)}
users:
  - name: ${user}
    user:
      client-certificate-data: ${base64(certificate)}
      client-key-data: ${base64(key)}
contexts:
  - name: ${cluster}
    context:
      cluster: ${cluster}
      user: ${user}
current-context: ${cluster}
`;
