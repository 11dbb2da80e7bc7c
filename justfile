# Lists the recipes.
default:
    @just --list

# Formatting, lints and every test: what a change must pass.
check:
    .ci/run

# Every test; installs what is missing. With arguments, e.g. `just test -p domain`, only those.
test *ARGS:
    tests/run {{ARGS}}

# Looks for bytes that prove a parser wrong, e.g. `just fuzz 300 lmtp`; 20 seconds for each target without arguments.
fuzz *ARGS:
    tests/fuzz/run {{ARGS}}

# The whole programme in virtual time over a generated population.
rehearse *ARGS:
    cargo run --release -- rehearse {{ARGS}}

# Times a phase beside the bare script, embedded and as services, and the rest; `just bench services` only those, `just bench logs --lines 100000000` only an index of that size.
bench *ARGS:
    cargo build --release -p tramonto --bins --example bench
    cargo run --release -p tramonto --example bench -- {{ARGS}}

# Formats everything.
fmt:
    cargo fmt --all

# Advisories, licences and banned crates (needs `cargo install cargo-deny`).
deny:
    cargo deny check
