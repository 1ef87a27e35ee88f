package main

import (
	"github.com/spf13/cobra"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/util"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/api"
	generated "sigs.k8s.io/metrics-server/pkg/api/generated/openapi"
)

// metricsServer is metrics-server's own command (v0.8, made for Kubernetes 1.33) with one repair: since 1.35 the API
// server's library looks schemas up as io.k8s.Kind instead of k8s.io/path.Kind. v0.9 knows the new names, but would
// raise cel-go, kube-openapi and 50 more modules above the versions that Kubernetes 1.35 was released with.
func metricsServer() *cobra.Command {
	opts := options.NewOptions()
	cmd := &cobra.Command{Use: "metrics-server", RunE: func(*cobra.Command, []string) error {
		config, err := opts.ServerConfig()
		if err != nil {
			return err
		}
		names := openapinamer.NewDefinitionNamer(api.Scheme)
		config.Apiserver.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(schemas, names)
		config.Apiserver.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(schemas, names)
		server, err := config.Complete()
		if err != nil {
			return err
		}
		ctx, cancel := untilStopped()
		defer cancel()
		return server.RunUntil(ctx.Done())
	}}
	flags := opts.Flags()
	for _, set := range flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	return cmd
}

// schemas are metrics-server's generated ones under the names of 1.35.
func schemas(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	renamed := map[string]common.OpenAPIDefinition{}
	old := generated.GetOpenAPIDefinitions(func(path string) spec.Ref { return ref(util.ToRESTFriendlyName(path)) })
	for name, definition := range old {
		for i, dependency := range definition.Dependencies {
			definition.Dependencies[i] = util.ToRESTFriendlyName(dependency)
		}
		renamed[util.ToRESTFriendlyName(name)] = definition
	}
	return renamed
}
