# Newcomers need two commands: `make demo` and `make test`. Both do all the set-up, with the packages that they need.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down dev test soak-operator soak-consistency bench-operator bench-identity lint generate image e2e clean

help: ## What there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The stamp says which lock file node_modules was installed from.
node_modules/.stamp: package.json package-lock.json
	@tools/machine/bootstrap.sh
	@touch $@

setup: node_modules/.stamp

demo: setup ## A tenant on a local three-zone cluster: a user signs up and in, services answer
	@node demo/main.ts up

demo-down: setup ## Removes all of the demo
	@node demo/main.ts down

dev: setup ## The three services as processes on this machine, without Kubernetes
	@node tools/dev.ts

test: setup ## Every test: unit, integration, end to end on the local cluster, browser
	@node tools/test.ts

soak-operator: setup ## The operator's fault suites in their long form: about half an hour (SOAK="--crashes 100 --seed 7")
	@node operator/faults/soak.ts $(SOAK)

soak-consistency: setup ## Races over real services that are killed all the while: hours (SOAK="--races 2000 --seed 7")
	@node services/consistency/soak.ts $(SOAK)

e2e: setup ## The end-to-end tests alone
	@node tools/test.ts e2e

bench-operator: setup ## The operator with 100, 300 and 1,000 tenants: times, requests, memory (half an hour)
	@node bench/operator.ts

bench-identity: setup ## auth and token-store beside Keycloak and Hydra: throughput, CPU, latency at 1, 16, 64 callers (a quarter of an hour)
	@node bench/identity.ts

lint: setup ## Types, style, the rooms' import rules, dead exports, freshness of generated files
	@node tools/lint.ts

generate: setup ## CRDs from the types, API documents from the contracts
	@node tools/generate.ts

image: setup ## The container images
	@node tools/bundle.ts && node tools/image.ts

clean: ## Build results of this checkout (caches stay)
	rm -rf build node_modules
