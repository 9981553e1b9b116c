# Everything a contributor or CI does, one command per wish. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

node_modules/.installed: package.json package-lock.json
	@echo "installing npm packages …"
	@npm ci --no-audit --no-fund --loglevel=error
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

.PHONY: crds
crds: node_modules/.installed ## Write crds/ and docs/api.md from the schemas
	@node scripts/generate.ts
