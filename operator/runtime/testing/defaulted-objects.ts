const labels = { app: 'defaults' };
const metadata = { name: 'defaults', namespace: 'default', labels };
const selector = { matchLabels: labels };
const template = {
  metadata: { labels },
  spec: {
    automountServiceAccountToken: false,
    tolerations: [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 },
    ],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector },
    ],
    volumes: [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'keys', projected: { sources: [{ secret: { name: 'keys', items: [{ key: 'a', path: 'a' }] } }] } },
      { name: 'scratch', emptyDir: {} },
    ],
    containers: [
      {
        name: 'main',
        image: 'example.com/image:1',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'metrics', containerPort: 9090 },
        ],
        env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '1Gi' } },
        readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
        securityContext: { privileged: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'settings', mountPath: '/settings', readOnly: true }],
      },
    ],
  },
};

/** What an operator makes, each with fields that the API server fills in. */
export const defaultedObjects = [
  { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector, template, minReadySeconds: 10 } },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata,
    spec: {
      serviceName: 'defaults',
      replicas: 1,
      selector,
      template,
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: { backoffLimit: 3, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata,
    spec: {
      podSelector: selector,
      policyTypes: ['Ingress', 'Egress'],
      // Rules are one value: what the server would fill in is written out.
      ingress: [
        {
          from: [{ podSelector: {} }],
          ports: [
            { port: 8443, protocol: 'TCP' },
            { port: 9090, protocol: 'TCP' },
          ],
        },
      ],
      egress: [{ to: [{ namespaceSelector: {}, podSelector: selector }], ports: [{ port: 53, protocol: 'UDP' }] }, {}],
    },
  },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec: { maxUnavailable: 1, selector } },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'defaults' },
      minReplicas: 3,
      maxReplicas: 9,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
      behavior: { scaleUp: { policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } },
    },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata, immutable: true, data: { 'settings.json': '{}' } },
  { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: { key: 'a2V5' } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
];
