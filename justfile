# Lists the recipes.
default:
    @just --list

# Formatting, lints and every test: what a change must pass.
check:
    .ci/run

# Every test; installs what is missing. With arguments, e.g. `just test -p domain`, only those.
test *ARGS:
    tests/run {{ARGS}}

# The whole programme in virtual time over a generated population.
rehearse *ARGS:
    cargo run --release -- rehearse {{ARGS}}

# Times one phase change for 1,200,000 mailboxes beside the bare script, and the rest that is measured.
bench *ARGS:
    cargo run --release -p tramonto --example bench -- {{ARGS}}

# Times one phase with every service as a process of its own beside the bare script on the same PostgreSQL.
bench-services *ARGS:
    tests/bench-services {{ARGS}}

# Formats everything.
fmt:
    cargo fmt --all

# Advisories, licences and banned crates (needs `cargo install cargo-deny`).
deny:
    cargo deny check
