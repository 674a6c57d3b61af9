# `make demo` and `make test` need nothing but this clone; what is missing is installed, or named with the one command.

export PATH := $(HOME)/.cargo/bin:$(PATH)
OUT ?= out/joined.jsonl
LAB ?= 1

.PHONY: demo test setup bench

demo: ## names of the lab (or LAB=0 NAMES=file, on the real internet) in, joined records in OUT
	@scripts/setup.sh build
	@mkdir -p "$(dir $(OUT))"
ifeq ($(LAB),0)
	@test -n "$(NAMES)" || { echo "make demo LAB=0 needs NAMES=file, one name a line"; exit 2; }
	cargo run --quiet --locked -- run domainradar --input "$(NAMES)" --output "$(OUT)"
else
	cargo run --locked -- demo --output "$(OUT)"
endif

test: ## every check
	@scripts/setup.sh test
	@scripts/test.sh

setup: ## packages and the toolchain
	@scripts/setup.sh test

bench: ## what things cost, as ratios measured in one run
	cargo bench --locked
