# Go and make are all that a machine needs for demo, test, devstack, build and
# bench; everything else is fetched or built by them. contract and sorohost
# need Rust, scalar needs npm.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

export CGO_ENABLED := 0
GOBUILD := go build -trimpath -ldflags "-s -w"

# The products are whatever go build says they are: it knows better than file
# times when there is nothing to do.
.PHONY: FORCE
FORCE:

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1:\2/p' Makefile | while IFS=: read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: bin/devstack bin/api bin/worker bin/starter bin/demo ## Start everything, provision the sample tenants, stay up until Ctrl-C (DEMO_EXIT=1: exit)
	@bin/devstack up --data-dir .devstack --starter bin/starter -- bin/demo

.PHONY: devstack
devstack: bin/devstack bin/starter ## The embedded stack alone, in the foreground; addresses in .devstack/env
	@bin/devstack up --data-dir .devstack --starter bin/starter

.PHONY: test
test: bin/devstack bin/tools/gotestsum bin/tools/temporal bin/tools/versitygw ## All tests, on real servers (PKG=./internal/redis/... RUN=TestName RACE=1)
	@PKG='$(PKG)' RUN='$(RUN)' RACE='$(RACE)' bin/devstack up --ephemeral --no-setup -- \
		bin/tools/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg --raw-command -- sh scripts/gotest.sh

# Where goroutines meet: clients, limits, mail, workflows. End-to-end tests run
# other processes, which the detector does not see.
RACE_PACKAGES := ./internal/redis/... ./internal/temporalclient ./internal/mail/... ./workflows/...

# What the product promises for a kill at any moment, ten times as often as "make test"
# tries it.
.PHONY: check-deep
check-deep: bin/devstack ## Kill everything in the middle of migrations, windows, backups and restores, thirty rounds each; then the figures of 10,000 tenants (ROUNDS=3 TENANTS=0)
	@E2E_ROUNDS=$(or $(ROUNDS),30) TIMEOUT=3h $(MAKE) --no-print-directory test PKG=./internal/e2e RUN='$(or $(RUN),TestEverythingIsKilled)'
ifneq ($(TENANTS),0)
	@$(MAKE) --no-print-directory bench BENCH="-migrate $(or $(TENANTS),10000)"
	@$(MAKE) --no-print-directory bench BENCH="-backup $(or $(TENANTS),10000)"
endif

.PHONY: race
race: ## The packages in which goroutines meet, under the race detector (needs a C compiler)
	@$(MAKE) --no-print-directory test RACE=1 PKG='$(RACE_PACKAGES)'

.PHONY: build
build: bin/api bin/worker bin/starter ## bin/api, bin/worker and bin/starter, static

.PHONY: image
image: ## The container image, by docker or buildah (IMAGE=registry/name:tag, PUSH=1: push it)
	@IMAGE='$(IMAGE)' PUSH='$(PUSH)' sh scripts/image.sh

.PHONY: imagecheck
imagecheck: bin/devstack bin/starter ## Build the image with buildah, and run it on the stack as its user, read-only (root, without a daemon)
	@bin/devstack up --ephemeral --starter bin/starter -- sh scripts/imagecheck.sh

.PHONY: composed
composed: bin/api bin/worker bin/starter bin/local ## Run docker-compose.yml without Docker, on real servers: start, work, stop in any order (root, on Debian)
	@sh scripts/composed.sh

.PHONY: kubecheck
kubecheck: ## Apply deploy/k8s to a Kubernetes built here, with nodes that kwok plays: roll out, evict, scale (the first time 12 CPU minutes of building)
	@sh scripts/kubecheck.sh

.PHONY: lint
lint: bin/tools/golangci-lint bin/tools/workflowcheck bin/tools/clientgen bin/tools/dockerlint ## Linters of Go, of the workflows' determinism and, where Rust is, of Rust; of the Dockerfile and shell scripts; whether the client is current
	bin/tools/golangci-lint run --allow-parallel-runners ./...
	cd deploy/bench/peers && ../../../bin/tools/golangci-lint run --allow-parallel-runners ./...
	bin/tools/workflowcheck -config tools/workflowcheck.yml ./workflows/...
	bin/tools/clientgen -check
	bin/tools/dockerlint Dockerfile
	@sh scripts/shellcheck.sh
	@sh scripts/fmt.sh --check
	@sh scripts/clippy.sh

.PHONY: fmt
fmt: bin/tools/golangci-lint ## Format Go and, where Rust is, Rust
	bin/tools/golangci-lint fmt ./...
	cd deploy/bench/peers && ../../../bin/tools/golangci-lint fmt ./...
	@sh scripts/fmt.sh

PEERS := bin/peer-dbos bin/peer-river bin/peer-temporal

.PHONY: bench
bench: bin/devstack bin/api bin/worker bin/starter bin/bench $(if $(filter -peers% -quick,$(BENCH)),$(PEERS)) ## The benchmark, JSON on standard output (BENCH="flags of bin/bench"; DURABLE=1: data reaches the disk)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
		DEVSTACK_ISOLATE=1 LEDGER_INTERVAL=$${LEDGER_INTERVAL:-50ms} SOROBAN_CHANNELS=$${SOROBAN_CHANNELS:-64} \
		bin/devstack up $(if $(DURABLE),--data-dir "$$dir",--ephemeral) --starter bin/starter -- bin/bench $(BENCH)

.PHONY: chaos
chaos: bin/devstack bin/api bin/worker bin/starter bin/chaos ## Kill everything at random while tenants live, and look at what is left (SEED=7 ROUNDS=60 N=3)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && DEVSTACK_ISOLATE=1 LEDGER_CONTROL=1 \
		bin/devstack up --data-dir "$$dir" --starter bin/starter -- \
		bin/chaos -pids "$$dir/pids" $(if $(SEED),-seed $(SEED)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(N),-n $(N))

.PHONY: clients
clients: bin/devstack bin/api bin/worker bin/starter ## Lint the OpenAPI documents, use clients for Python, TypeScript and Go, and the local network by Stellar's Python SDK (needs node and python3)
	@bin/devstack up --ephemeral --starter bin/starter -- sh scripts/clients.sh

.PHONY: histories
histories: bin/devstack ## Record the histories of runs that replay tests read, in workflows/testdata (RUN=TestOnTheServer/reset for some)
	@bin/devstack up --ephemeral --no-setup -- go test ./workflows -count 1 -run '$(or $(RUN),TestOnTheServer)' -record

.PHONY: client
client: bin/tools/clientgen ## Regenerate the committed OpenAPI document and the Go client from it
	go test ./api/rest -count 1 -run TestDocumentGolden -update
	bin/tools/clientgen

.PHONY: settings
settings: ## Regenerate .env.example and the table of settings after internal/config has changed
	go test ./internal/config -count 1 -run TestDocuments -update

.PHONY: contract
contract: ## Rebuild the tenant contract and compare it with the committed one (UPDATE=1: replace it)
	sh contracts/tenant/build.sh $(if $(UPDATE),,--check)

.PHONY: sorohost
sorohost: ## Rebuild the Soroban host and compare it with the committed one (UPDATE=1: replace it)
	sh internal/devnet/sorohost/build.sh $(if $(UPDATE),,--check)

.PHONY: scalar
scalar: ## Compare the committed renderer of /docs with npm's (UPDATE=1: replace it)
	sh api/rest/docs/scalar.sh $(if $(UPDATE),,--check)

.PHONY: clean
clean: ## Remove what was built; the stack's data in .devstack stay
	rm -rf bin dist

bin/api bin/worker bin/starter: bin/%: FORCE
	@$(GOBUILD) -o $@ ./$*

bin/demo bin/bench bin/chaos bin/local: bin/%: FORCE
	@$(GOBUILD) -o $@ ./deploy/$*

# Of their own module: the product needs none of the engines that it is compared with.
$(PEERS): bin/peer-%: FORCE
	@cd deploy/bench/peers && $(GOBUILD) -o ../../../$@ ./$*

# Linking this one takes 2.6 GB: .NOTPARALLEL keeps everything else from
# running beside it. Without -trimpath, as go test compiles: what is below it
# would be compiled twice otherwise.
bin/devstack: FORCE
	@cd deploy/devstack && go build -ldflags "-s -w" -o ../../$@ .

# Of its own module, for its versions; as bin/devstack, with which it shares most
# packages.
bin/tools/temporal: FORCE
	@cd tools/temporal && go build -ldflags "-s -w" -o ../../$@ tool

# Of its own module, for what it needs nobody else does.
bin/tools/versitygw: FORCE
	@cd tools/versitygw && go build -ldflags "-s -w" -o ../../$@ tool

bin/tools/dockerlint: FORCE
	@cd tools/dockerlint && $(GOBUILD) -o ../../$@ .

bin/tools/%: FORCE
	@cd tools && $(GOBUILD) -o ../$@ $(filter %/$*,$(shell cd tools && go list -f '{{.ImportPath}}' tool))
