# make, or make help, explains the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

LINT_VERSION := v2.15.0
LINT := bin/golangci-lint-$(LINT_VERSION)
TEST_TIMEOUT ?= 30m

.PHONY: help run dev test fuzz lint openapi asyncapi verify bench build deps clean nats-cluster nats-chaos

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## fill the platform, delete one tenant through the saga and prove it (PROFILE=tiny|low|high)
	go run ./cmd/erasectl demo $(if $(PROFILE),--profile $(PROFILE))

dev: ## run the whole platform in one process until Ctrl-C (PROFILE=tiny|low|high)
	go run ./cmd/erasectl dev $(if $(PROFILE),--profile $(PROFILE))

test: deps ## run every test with the race detector (PKG=./saga/... for some)
	go test -race -timeout $(TEST_TIMEOUT) $(or $(PKG),./...)

fuzz: ## let a fuzzer write to every decoder that faces a stranger (FUZZTIME=5m each, FUZZWORKERS=2)
	scripts/fuzz.sh

lint: $(LINT) ## look for what compilers miss (golangci-lint, pinned)
	$(LINT) run

openapi: ## lint the HTTP API's OpenAPI document (redocly, pinned, fetched with npm)
	scripts/lint-openapi.sh

asyncapi: ## parse the events' AsyncAPI document and judge the examples by it (pinned, fetched with npm)
	scripts/check-asyncapi.sh

verify: ## check formatting, vet, and that go.mod is tidy
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):" $$unformatted; exit 1; fi
	go vet ./...
	go mod verify
	go mod tidy -diff

bench: ## measure what a deletion costs beside plain SQL, lists of 100,000 jobs, plans of 1,000 tables (BENCH=tenant|sagas|bystander|lists|plans)
ifeq (,$(filter lists plans,$(BENCH)))
	go run ./cmd/internal/bench $(if $(BENCH),-bench $(BENCH))
endif
ifneq (,$(filter lists,$(or $(BENCH),lists)))
	go test ./saga/pgstore -run '^$$' -bench BenchmarkList -benchtime 100x
endif
ifneq (,$(filter plans,$(or $(BENCH),plans)))
	go test ./participants/sqlplan/familytest -run '^$$' -bench BenchmarkPlans -benchtime 5x
endif

nats-cluster: ## run three NATS nodes on this machine, as in an installation, until Ctrl-C (PORT=4222)
	go run ./cmd/erasectl nats cluster $(if $(PORT),--port $(PORT))

nats-chaos: ## delete 200 tenants while one of three NATS nodes is killed every five seconds (SAGAS=200)
	TD_CHAOS_SAGAS=$(or $(SAGAS),200) go test ./cmd/internal/e2e -run ClusterLosesNodes -count 1 -v -timeout $(TEST_TIMEOUT)

build: ## build the programs into bin/
	go build -trimpath -o bin/ ./cmd/coordinator ./cmd/participant ./cmd/erasectl

deps: ## install what the tests need when it is missing (a C compiler for the race detector, Python, Node.js)
	@scripts/ensure-cc.sh
	@scripts/ensure-python.sh
	@scripts/ensure-node.sh

clean: ## remove what was built
	rm -rf bin

# A linter of its own module: its dependencies are none of ours.
$(LINT):
	GOFLAGS= GOBIN='$(CURDIR)/bin' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@
