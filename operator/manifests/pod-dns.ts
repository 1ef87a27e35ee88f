/**
 * How the C library of our pods asks for names. A packet of DNS that is lost costs five seconds by its default, and whoever
 * waits for a look-up with it: here one second. It asks five times, its most, so that a slow server is waited for as before.
 *
 * `ndots` stays at Kubernetes' 5: our own names, `<service>.<namespace>.svc`, need the search list, since nobody knows the
 * domain of the cluster, and would go to servers outside first.
 */
export const podDnsConfig = {
  options: [
    { name: 'timeout', value: '1' },
    { name: 'attempts', value: '5' },
  ],
};
