// One binary for every component of the built-in cluster: the name that it is called by picks the component.
// One module, because client-go, the API types and the API server's libraries are then compiled once for all of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/rewrite"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"

	// What the components' own main packages import for effect: JSON logs and client metrics.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/restclient"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// Constructors, not commands: building two components' commands in one process would make their flags collide.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"metrics-server":          metricsServer,
}

func main() {
	name := filepath.Base(os.Args[0])
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "coredns":
		// The order in which a query passes the plugins, whatever their order in the Corefile: that of CoreDNS's plugin.cfg.
		dnsserver.Directives = []string{
			"ready", "health", "errors", "loadbalance", "cache", "rewrite", "hosts", "kubernetes", "forward",
		}
		coremain.Run()
	case "network-policies":
		exitOn(networkPolicies())
	case "volume-recycler":
		exitOn(volumeRecycler())
	default:
		command, known := commands[name]
		if !known {
			fmt.Fprintln(os.Stderr, "unknown component", name)
			os.Exit(2)
		}
		os.Exit(cli.Run(command()))
	}
}

// No table of nftables may have a name of this length, so that the kernel refuses the engine's rules at their first word.
// They are not needed: the iptables rule of node-init.sh fills the queue. Without nft_queue, which not every kernel has,
// the kernel would refuse them at the last, and take back the hooks that it had made: which drops every packet that waits
// in a queue then. The engine tries six times whenever a pod that a policy selects changes, so that each rollout would
// cost connections a second (the next SYN) and look-ups five (the resolver's timeout).
var refusedTable = strings.Repeat("x", 300)

// networkPolicies runs the engine of sigs.k8s.io/kube-network-policies for one node: it decides on the first packet of
// each connection, which the kernel hands over in queue 100.
func networkPolicies() error {
	flags := flag.NewFlagSet("network-policies", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API")
	node := flags.String("node", "", "the name of this node")
	flags.Parse(os.Args[1:])

	client, err := clientFrom(*kubeconfig)
	if err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(client,
		shared.Networking().V1().NetworkPolicies(), shared.Core().V1().Namespaces(), shared.Core().V1().Pods(),
		nil, nil, nil, nil, // only what AdminNetworkPolicies need
		// NRIdisabled: true would make v0.8 dereference nil.
		networkpolicy.Config{NodeName: *node, QueueID: 100, NFTableName: refusedTable})
	if err != nil {
		return err
	}
	ctx, cancel := untilStopped()
	defer cancel()
	shared.Start(ctx.Done())
	return controller.Run(ctx)
}

func clientFrom(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func untilStopped() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
