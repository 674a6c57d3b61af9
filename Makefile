# `make demo` and `make test` need nothing but this clone; what is missing is installed, or named with the one command.

export PATH := $(HOME)/.cargo/bin:$(PATH)
OUT ?= out/joined.jsonl
LAB ?= 1

.PHONY: demo test setup bench bench-peers

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

# A row each: ours and another way, in turns in one run; the last two columns are ours over the other.
define TABLE
| what | ours | a second | CPU s per 1,000 | memory | other | a second | CPU s per 1,000 | memory | rate | CPU |
|---|---|---|---|---|---|---|---|---|---|---|
endef
export TABLE

bench: ## what things cost, as ratios measured in one run
	@echo "$$TABLE"
	@cargo bench --locked --quiet --bench call --bench codec --bench join --bench state

bench-peers: ## the same beside programs of others; Kafka is started
	@scripts/servers/servers.sh up
	@echo "$$TABLE"
	@cargo bench --locked --quiet --bench join_peers --bench geo_peer --bench dns_peer --bench web_peer --bench ping_peer --bench recursion_peer
