# Everything a contributor or CI does, one command per wish. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

node_modules/.installed: package.json package-lock.json
	@echo "installing npm packages …"
	@# Not npm ci: it refuses a lock file that was made where the tools' packages for other platforms could not be had.
	@npm install --no-save --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

.PHONY: lint
lint: node_modules/.installed ## Type check, lint and formatting
	tsc -p .
	oxlint --type-aware --quiet
	biome check --error-on-warnings

.PHONY: format
format: node_modules/.installed ## Format all sources
	biome check --write

dist/rtcnode.js: node_modules/.installed $(shell find operator -name '*.ts')
	@node scripts/bundle.ts

.PHONY: build
build: dist/rtcnode.js ## Bundle the program into one file

IMAGE ?= rtcnode/rtcnode-operator:$(shell sed -n 's/^appVersion: //p' charts/rtcnode-operator/Chart.yaml)

.PHONY: image
image: ## Build the container image with Docker; IMAGE=name:tag
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		docker buildx build --tag $(IMAGE) --output type=docker,rewrite-timestamp=true .

.PHONY: lint-chart
lint-chart: node_modules/.installed ## The chart as kube-score judges it (first time it builds that, a minute)
	@node scripts/lint-chart.ts

.PHONY: manifests
manifests: node_modules/.installed ## The chart as plain YAML, dist/rtcnode.yaml, for those without Helm
	@node scripts/manifests.ts

.PHONY: sbom
sbom: node_modules/.installed ## What is in the image of other people's, dist/rtcnode.cdx.json (CycloneDX)
	@mkdir -p dist
	npm sbom --sbom-format cyclonedx --omit dev > dist/rtcnode.cdx.json

.PHONY: binaries
binaries: node_modules/.installed ## Build and cache the control plane, Helm, KEDA, Karpenter, LiveKit and the loader (first time ~25 min)
	@node test/cluster/cli.ts binaries

.PHONY: test
test: lint build binaries ## Everything: unit, property, integration, and e2e on real hosts (root)
	node --import ./test/unit/one-seed.ts --test --test-timeout=300000 'test/unit/**/*.test.ts'
	node test/run.ts 'test/integration/**/*.test.ts'
	node test/run.ts 'test/e2e/**/*.test.ts'

.PHONY: test-unit
test-unit: node_modules/.installed ## Seconds: pure decisions, properties, a simulated world
	node --import ./test/unit/one-seed.ts --test --test-timeout=300000 'test/unit/**/*.test.ts'

.PHONY: demo
demo: build ## The whole story on this machine, about 4 minutes; KEEP=1 keeps it up
	@node test/demo/demo.ts

.PHONY: bench
bench: build ## Figures with their ratios to a baseline, written to docs/benchmarks.md
	@node test/bench/bench.ts

.PHONY: calibrate
calibrate: build ## Measure a real LiveKit, about 7 minutes, and write the simulator's model of it (root)
	@node test/calibrate/calibrate.ts

.PHONY: crds
crds: node_modules/.installed ## Write what is made from the code: CRDs, references, RBAC, dashboards, alerts
	@node scripts/generate.ts

.PHONY: pictures
pictures: node_modules/.installed ## Simulate anew what docs/scaling.md shows, some minutes
	@node scripts/pictures.ts
